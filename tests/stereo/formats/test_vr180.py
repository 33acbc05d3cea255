"""VR180 photos: the XMP that viewers look for, the right eye inside, equal angles."""

import base64
import re
import struct
from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from stereo.formats import FORMATS
from stereo.formats.metadata import settings_text
from stereo.formats.vr180 import equirectangular
from stereo.pair import StereoPair
from tests.stereo.formats.pairs import middle_column, near_square_pair, noise_pair, open_bytes

STANDARD, EXTENDED = b"http://ns.adobe.com/xap/1.0/\x00", b"http://ns.adobe.com/xmp/extension/\x00"


def segments(jpeg: bytes) -> list[bytes]:
    """Return what stands in the APP1 segments."""
    found, at = [], 2
    while jpeg[at + 1] != 0xDA:
        size = struct.unpack_from(">H", jpeg, at + 2)[0]
        if jpeg[at + 1] == 0xE1:
            found.append(jpeg[at + 4 : at + 2 + size])
        at += 2 + size
    return found


def parts(jpeg: bytes) -> tuple[dict[str, str], np.ndarray]:
    """Return the tags of a VR180 photo and its right eye, put together from the pieces."""
    _, standard, *pieces = segments(jpeg)  # EXIF comes first
    assert standard.startswith(STANDARD)
    tags = dict(re.findall(r'(\w+:\w+)="([^"]*)"', standard.decode()))
    extended = b""
    for piece in pieces:
        assert piece.startswith(EXTENDED + tags["xmpNote:HasExtendedXMP"].encode())
        length, place = struct.unpack_from(">II", piece, len(EXTENDED) + 32)
        assert place == len(extended)
        extended += piece[len(EXTENDED) + 40 :]
    assert length == len(extended)
    right = base64.b64decode(re.search(rb'GImage:Data="([^"]*)"', extended)[1])
    return tags, np.asarray(Image.open(BytesIO(right)))


def with_view(pair: StereoPair, **settings: object) -> StereoPair:
    return replace(pair, settings={**pair.settings, **settings})


def test_the_right_eye_is_inside_and_a_near_object_further_left_in_it() -> None:
    jpeg = FORMATS["vr180"].encode(with_view(near_square_pair(), seed=3))
    image = open_bytes(jpeg)
    tags, right = parts(jpeg)
    left = np.asarray(image)
    assert tags["GImage:Mime"] == "image/jpeg" and right.shape == left.shape
    assert middle_column(left) - middle_column(right) == pytest.approx(12, abs=1)
    assert '"seed": 3' in settings_text(image)


def test_long_right_eyes_are_cut_into_several_segments() -> None:
    jpeg = FORMATS["vr180"].encode(noise_pair(400, 500))
    assert len(segments(jpeg)) > 4
    assert parts(jpeg)[1].shape == np.asarray(open_bytes(jpeg)).shape


def test_the_tags_say_which_part_of_the_sphere_is_seen() -> None:
    # 60 cm at 30 cm is 90 degrees: a quarter of the way round.
    pair = with_view(noise_pair(100, 200), display_width_cm=60, viewing_distance_cm=30)
    jpeg = FORMATS["vr180"].encode(pair)
    tags, _ = parts(jpeg)
    numbers = {key.partition(":")[2]: int(value) for key, value in tags.items() if value.isdigit()}
    width, height = open_bytes(jpeg).size
    assert tags["GPano:ProjectionType"] == "equirectangular"
    assert numbers["CroppedAreaImageWidthPixels"] == width
    assert numbers["CroppedAreaImageHeightPixels"] == height
    assert width / numbers["FullPanoWidthPixels"] == pytest.approx(1 / 4, abs=0.005)
    assert numbers["FullPanoWidthPixels"] == pytest.approx(
        2 * numbers["FullPanoHeightPixels"], abs=1
    )
    left, top = numbers["CroppedAreaLeftPixels"], numbers["CroppedAreaTopPixels"]
    assert abs(2 * left + width - numbers["FullPanoWidthPixels"]) <= 1
    assert abs(2 * top + height - numbers["FullPanoHeightPixels"]) <= 1


def test_equal_angles_are_equally_far_apart() -> None:
    """A stripe 30 degrees off the axis of a 90 degree camera lies a third of the way out."""
    view = np.zeros((101, 1001, 3), np.uint8)
    focal_px = 500.0
    stripe = round(500 + focal_px * np.tan(np.radians(30)))
    view[:, stripe - 1 : stripe + 2] = 255
    drawn = equirectangular(view, focal_px)
    middle = drawn.shape[0] // 2
    column = middle_column(drawn[middle : middle + 1])
    assert (column - drawn.shape[1] / 2) / (drawn.shape[1] / 2) == pytest.approx(30 / 45, abs=0.01)
    assert not equirectangular(np.full_like(view, 255), focal_px)[0, 0].any()  # beyond the picture


def test_the_farthest_point_lies_straight_ahead_of_both_eyes() -> None:
    """Eyes never have to turn outwards: what lay 8 px behind the screen is infinitely far."""
    far = near_square_pair()
    far.right[:] = np.roll(far.left, 8, axis=1)
    pair = replace(far, settings={"disparity_range_px": [-8.0, 0.0]})
    jpeg = FORMATS["vr180"].encode(pair)
    _, right = parts(jpeg)
    left = np.asarray(open_bytes(jpeg))
    assert middle_column(right) == pytest.approx(middle_column(left), abs=0.7)
