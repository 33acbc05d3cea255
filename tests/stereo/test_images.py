"""Images of every mode come out as upright RGB, and what is no image ends in one line."""

import logging
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from stereo.images import (
    MAX_MEGAPIXELS,
    decoders,
    list_images,
    matches,
    open_image,
    picture_suffixes,
    read_image,
    to_rgb,
)


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def write_png16(path: Path, values: np.ndarray, *, colour_type: int) -> Path:
    """Write (H, W, C) uint16, which Pillow writes for grey only."""
    height, width = values.shape[:2]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    header = struct.pack(">IIBBBBB", width, height, 16, colour_type, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(*chunk) for chunk in chunks))
    return path


def saved(image: Image.Image, path: Path, **options: object) -> Path:
    image.save(path, **options)
    return path


def test_plain_rgb_is_kept(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    found = read_image(saved(Image.fromarray(pixels), tmp_path / "a.png"))
    assert found.dtype == np.uint8
    assert np.array_equal(found, pixels)
    found[0] = 0  # writable


def test_grey_has_three_equal_channels(tmp_path):
    grey = np.arange(12, dtype=np.uint8).reshape(3, 4)
    found = read_image(saved(Image.fromarray(grey), tmp_path / "a.png"))
    assert np.array_equal(found, np.repeat(grey[..., None], 3, axis=2))


def test_black_and_white(tmp_path):
    bits = Image.fromarray(np.array([[0, 255]], dtype=np.uint8)).convert("1")
    assert read_image(saved(bits, tmp_path / "a.png")).tolist() == [[[0] * 3, [255] * 3]]


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_16_bit_grey_is_scaled_not_cut(tmp_path, suffix):
    levels = np.array([[0, 257, 32896, 65535, 256]], dtype=np.uint16)
    found = read_image(saved(Image.fromarray(levels), tmp_path / f"a.{suffix}"))
    assert found[..., 0].tolist() == [[0, 1, 128, 255, 1]]


def test_16_bit_colour(tmp_path):
    values = np.array([[[65535, 0, 32896], [257, 514, 771]]], dtype=np.uint16)
    found = read_image(write_png16(tmp_path / "a.png", values, colour_type=2))
    assert found.tolist() == [[[255, 0, 128], [1, 2, 3]]]


def test_16_bit_grey_with_alpha(tmp_path):
    values = np.array([[[0, 0], [0, 65535]]], dtype=np.uint16)
    found = read_image(write_png16(tmp_path / "a.png", values, colour_type=4))
    assert found.tolist() == [[[255] * 3, [0] * 3]]


def test_alpha_shows_white(tmp_path):
    rgba = np.array([[[10, 20, 30, 255], [10, 20, 30, 0], [0, 0, 0, 128]]], dtype=np.uint8)
    found = read_image(saved(Image.fromarray(rgba), tmp_path / "a.png"))
    assert found.tolist() == [[[10, 20, 30], [255] * 3, [127] * 3]]
    grey = np.array([[[40, 255], [40, 0]]], dtype=np.uint8)
    found = read_image(saved(Image.fromarray(grey), tmp_path / "b.png"))
    assert found.tolist() == [[[40] * 3, [255] * 3]]


def test_transparent_colours_show_white(tmp_path):
    palette = Image.new("P", (2, 1))
    palette.putpalette([255, 0, 0, 0, 0, 255])
    palette.putpixel((1, 0), 1)
    found = read_image(saved(palette, tmp_path / "a.png", transparency=1))
    assert found.tolist() == [[[255, 0, 0], [255] * 3]]
    keyed = Image.fromarray(np.array([[[1, 2, 3], [9, 9, 9]]], dtype=np.uint8))
    found = read_image(saved(keyed, tmp_path / "b.png", transparency=(1, 2, 3)))
    assert found.tolist() == [[[255] * 3, [9] * 3]]


def test_cmyk_jpeg(tmp_path):
    ink = Image.new("CMYK", (8, 8), (0, 255, 255, 0))
    found = read_image(saved(ink, tmp_path / "a.jpg", quality=95))
    assert found.shape == (8, 8, 3)
    assert np.abs(found.astype(int) - [255, 0, 0]).max() <= 6


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(tmp_path, orientation):
    upright = np.arange(18, dtype=np.uint8).reshape(2, 3, 3) * 10
    undo = {
        1: lambda a: a,
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.transpose(1, 0, 2),
        6: lambda a: np.rot90(a, 1),
        7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
        8: lambda a: np.rot90(a, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = Image.fromarray(np.ascontiguousarray(undo(upright)))
    found = read_image(saved(stored, tmp_path / "a.png", exif=exif))
    assert np.array_equal(found, upright)


def test_one_pixel(tmp_path):
    assert read_image(saved(Image.new("L", (1, 1), 7), tmp_path / "a.png")).tolist() == [[[7] * 3]]


def bad_file(kind: str, folder: Path) -> Path:
    path = folder / "a.png"
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    whole = path.read_bytes()
    if kind == "truncated":
        path.write_bytes(whole[: len(whole) // 2])
    elif kind == "flipped":
        path.write_bytes(whole[:60] + bytes(byte ^ 0x5A for byte in whole[60:]))
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "text":
        path.write_text("hello\nworld")
    elif kind == "bomb":
        header = struct.pack(">IIBBBBB", 60000, 60000, 8, 2, 0, 0, 0)
        path.write_bytes(whole[:8] + png_chunk(b"IHDR", header) + whole[33:])
    elif kind == "large":
        header = struct.pack(">IIBBBBB", 10000, int(MAX_MEGAPIXELS * 100) + 1, 8, 2, 0, 0, 0)
        path.write_bytes(whole[:8] + png_chunk(b"IHDR", header) + whole[33:])
    elif kind == "float":
        path = saved(Image.fromarray(np.ones((2, 2), np.float32)), folder / "a.tif")
    elif kind == "deep":
        path = saved(Image.fromarray(np.full((2, 2), 70000, np.int32)), folder / "a.tif")
    elif kind == "folder":
        path = folder
    return path


@pytest.mark.parametrize(
    "kind", ["truncated", "flipped", "empty", "text", "bomb", "large", "float", "deep", "folder"]
)
def test_what_is_no_image_ends_in_one_line(tmp_path, kind):
    path = bad_file(kind, tmp_path)
    with pytest.raises(ValueError, match="image") as caught:
        read_image(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="nothing.png"):
        read_image(tmp_path / "nothing.png")


@given(
    st.binary(max_size=200), st.sampled_from([b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"P6"])
)
def test_no_bytes_raise_anything_but_value_error(tmp_path_factory, body, magic):
    path = tmp_path_factory.getbasetemp() / "fuzz.png"
    path.write_bytes(magic + body)
    try:
        assert read_image(path).ndim == 3
    except ValueError as error:
        assert "\n" not in str(error)


@pytest.mark.parametrize("suffix", ["heic", "avif", "jpg"])
@pytest.mark.parametrize(
    ("orientation", "corner"), [(1, (0, 0)), (3, (1, 1)), (6, (0, 1)), (8, (1, 0))]
)
def test_phones_pictures_are_turned_upright(tmp_path, suffix, orientation, corner):
    white_corner = np.zeros((64, 96, 3), np.uint8)
    white_corner[:32, :48] = 255
    exif = Image.Exif()
    exif[0x0112] = orientation
    decoders()
    path = saved(Image.fromarray(white_corner), tmp_path / f"a.{suffix}", exif=exif, quality=95)
    found = read_image(path)
    assert found.shape == ((64, 96, 3) if orientation in (1, 3) else (96, 64, 3))
    quarters = [np.array_split(half, 2, axis=1) for half in np.array_split(found, 2, axis=0)]
    assert [(r, c) for r in (0, 1) for c in (0, 1) if quarters[r][c].mean() > 128] == [corner]


def test_heif_that_turns_itself_is_not_turned_twice(tmp_path):
    """As on phones: the file's own box turns it, and EXIF says the same once more."""
    exif = Image.Exif()
    exif[0x0112] = 6
    decoders()
    path = saved(Image.new("RGB", (96, 64)), tmp_path / "a.heic", exif=exif)
    path.write_bytes(path.read_bytes() + b"\x00\x00\x00\x09irot\x00")
    assert read_image(path).shape == (64, 96, 3)


def test_the_largest_picture_is_chosen(tmp_path):
    path = saved(Image.new("RGB", (200, 100)), tmp_path / "a.png")
    assert read_image(path, max_megapixels=0.02).shape == (100, 200, 3)
    with pytest.raises(
        ValueError, match=r"a.png .*200 x 100 .* 0.019 megapixels \(max_megapixels\)"
    ):
        read_image(path, max_megapixels=0.019)


def test_a_camera_s_picture_beyond_pillow_s_own_limit(tmp_path):
    path = saved(Image.new("1", (15_000, 13_000)), tmp_path / "a.png")
    assert open_image(path).size == (15_000, 13_000)


def test_one_list_of_endings_for_all_that_can_be_decoded(tmp_path, caplog):
    names = ["a.jfif", "b.AVIF", "c.mpo", "d.jpe", "e.HEIC", "f.png", "g.jp2", "h.webp"]
    for name in [*names, "notes.txt", "clip.mov", "x.pdf", "m.pfm"]:
        (tmp_path / name).touch()
    with caplog.at_level(logging.INFO, "stereo"):
        assert [path.name for path in list_images(tmp_path)] == names
    assert caplog.messages == ["left out, no pictures by name: clip.mov, m.pfm, notes.txt, x.pdf"]
    assert {".tif", ".tiff", ".bmp", ".gif", ".ppm"} <= picture_suffixes()


def test_folders_with_brackets_in_patterns(tmp_path):
    folder = tmp_path / "a[1] b"
    folder.mkdir()
    for name in ("x1.png", "x2.png", "y.png"):
        (folder / name).touch()
    assert [path.name for path in list_images(folder / "x*.png")] == ["x1.png", "x2.png"]
    assert [path.name for path in matches(tmp_path / "a[[]1]*" / "[xy]*.png")] == [
        "x1.png",
        "x2.png",
        "y.png",
    ]


def test_pipes_and_devices_are_no_pictures(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(ValueError, match="pipe.png is a device or a pipe"):
        read_image(tmp_path / "pipe.png")
    with pytest.raises(FileNotFoundError):
        list_images(tmp_path)


def test_files_folders_and_patterns_are_listed(tmp_path):
    names = ["b.PNG", "a.jpg", "notes.txt", ".hidden.png", "[1].png"]
    for name in names:
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "sub").mkdir()
    assert [p.name for p in list_images(tmp_path)] == ["[1].png", "a.jpg", "b.PNG"]
    assert list_images(tmp_path / "notes.txt") == [tmp_path / "notes.txt"]
    assert list_images(tmp_path / "[1].png") == [tmp_path / "[1].png"]
    assert [p.name for p in list_images(tmp_path / "*.jpg")] == ["a.jpg"]
    for nothing in ("*.webp", "absent", "sub"):
        with pytest.raises(FileNotFoundError, match=nothing.replace("*", r"\*")):
            list_images(tmp_path / nothing)


def test_a_picture_may_be_a_path_a_pillow_image_or_an_array(tmp_path):
    values = np.random.default_rng(0).integers(0, 256, (6, 9, 3), dtype=np.uint8)
    Image.fromarray(values).save(tmp_path / "a.png")
    for kind in (values, Image.fromarray(values), tmp_path / "a.png", str(tmp_path / "a.png")):
        np.testing.assert_array_equal(to_rgb(kind), values)
    with pytest.raises(ValueError, match=r"image is \(6, 9\) uint8; expected \(H, W, 3\) uint8"):
        to_rgb(values[..., 0])
