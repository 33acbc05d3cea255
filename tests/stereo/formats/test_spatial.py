"""Spatial photos, as libheif reads them and box by box against what telephones write."""

import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from stereo.formats import FORMATS, load, read_settings, save_pair
from stereo.formats.boxes import Box, associations, moved, read_boxes
from stereo.images import decoders, read_image
from tests.stereo.formats.pairs import SETTINGS, middle_column, near_square_pair, open_bytes

# 1.1 widths of focal length.
VIEWING = {"display_width_cm": 50.0, "viewing_distance_cm": 55.0}


@pytest.fixture(scope="module")
def heic() -> bytes:
    decoders()
    pair = replace(near_square_pair(), settings={**SETTINGS, **VIEWING})
    return FORMATS["spatial"].encode(pair)


def meta_of(heic: bytes) -> Box:
    return next(box for box in read_boxes(heic) if box.kind == b"meta")


def items_of(meta: Box) -> tuple[int, int]:
    group, count, left, right = struct.unpack(">4I", meta.find(b"grpl", b"ster").content[4:])
    assert count == 2 and group not in (left, right)
    return left, right


def properties_of(meta: Box, item: int) -> dict[bytes, bytes]:
    """Return kind -> content of an item's properties; uuid boxes by their uuid."""
    boxes = meta.find(b"iprp", b"ipco").boxes
    used = [boxes[word % 128 - 1] for word in associations(meta.find(b"iprp", b"ipma"))[item]]
    named = {box.kind: box.content for box in used if box.kind != b"uuid"}
    return named | {box.content[:16]: box.content[16:] for box in used if box.kind == b"uuid"}


def test_two_pictures_left_first_are_a_stereo_group(heic: bytes) -> None:
    image = open_bytes(heic)
    assert (image.format, image.n_frames, image.size) == ("HEIF", 2, (128, 64))
    (group,) = image.info["entity_groups"]
    assert (group["type"], group["images"]) == ("ster", [0, 1])
    left, right = FORMATS["spatial"].views(image)
    assert middle_column(left) - middle_column(right) == pytest.approx(12, abs=0.5)
    assert np.abs(left.astype(int) - near_square_pair().left).mean() < 2


def test_boxes_are_those_of_telephones(heic: bytes) -> None:
    meta = meta_of(heic)
    left, right = items_of(meta)
    assert heic[8:12] == b"heic" and b"mif1" in heic[16:32]
    assert struct.unpack(">H", meta.find(b"pitm").content[4:])[0] == left
    shared = meta.find(b"grpl", b"ster").content[:4]
    assert shared == bytes(4)  # version 0, no flags
    cameras = [properties_of(meta, item) for item in (left, right)]
    assert [camera[b"cmex"].hex() for camera in cameras] == ["00000000", "00000001" + "0000f618"]
    assert int("f618", 16) == 63_000  # micrometres
    for camera in cameras:
        flags, focal, x, y = struct.unpack(">I3i", camera[b"cmin"])
        unit = 1 << (flags >> 8 & 31)
        assert flags & ~0x1F00 == 0
        assert (focal / unit, x / unit, y / unit) == pytest.approx((1.1, 0.5, 0.5), abs=1e-4)
        adjustment = camera[bytes.fromhex("de22508536cb436587432f8705e7c78a")]
        assert struct.unpack(">Ii", adjustment) == (0, 0)


def test_libheif_reads_the_cameras(heic: bytes) -> None:
    image = open_bytes(heic)
    matrix = image.info["heif"]["camera_intrinsic_matrix"]
    assert matrix["focal_length_x"] == pytest.approx(1.1 * 128, rel=1e-3)
    assert (matrix["principal_point_x"], matrix["principal_point_y"]) == (64, 32)


def test_a_spatial_photo_is_loaded_and_tells_its_settings(tmp_path: Path) -> None:
    pair = replace(near_square_pair(), settings=SETTINGS)
    path = save_pair(pair, tmp_path, formats=["spatial", "disparity"])[0]
    assert path.name == "00000_spatial.heic"
    assert read_settings(path) == {**SETTINGS, "format": "spatial"}
    back = load(path)
    assert middle_column(back.left) - middle_column(back.right) == pytest.approx(12, abs=0.5)
    np.testing.assert_allclose(back.disparity, pair.disparity, atol=1 / 65535)
    assert read_image(path).shape == (64, 128, 3)  # the left view, to programs that know one


def test_what_is_cut_off_is_refused(heic: bytes) -> None:
    for end in (3, 20, len(heic) - 1):
        with pytest.raises(ValueError, match="box"):
            read_boxes(heic[:end])
    with pytest.raises(ValueError, match="no box 'zzzz' in 'meta'"):
        meta_of(heic).find(b"zzzz")
    with pytest.raises(ValueError, match="iloc"):
        moved(Box(b"iloc", bytes([2, 0, 0, 0, 0x44, 0x40, 0, 0])), 1)


def test_boxes_come_back_byte_for_byte(heic: bytes) -> None:
    assert b"".join(box.encode() for box in read_boxes(heic)) == heic
