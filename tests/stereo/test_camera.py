"""What cameras store: colours come out in sRGB, and the focal length is found."""

import io
import struct

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageOps

from stereo.camera import focal_widths
from stereo.images import read_image

# Colorants of Display P3 and Adobe RGB, adapted to D50 as ICC profiles have them (X, Y, Z).
DISPLAY_P3 = ((0.5151, 0.2412, -0.0011), (0.2920, 0.6922, 0.0419), (0.1571, 0.0666, 0.7841))
ADOBE_RGB = ((0.6097, 0.3111, 0.0195), (0.2053, 0.6257, 0.0609), (0.1492, 0.0632, 0.7446))
D50 = (0.9642, 1.0, 0.8249)


def fixed(*values: float) -> bytes:
    return b"".join(struct.pack(">i", round(value * 65536)) for value in values)


def profile(colorants: tuple, gamma: float) -> bytes:
    """Return a small ICC profile of three colorants and one curve."""
    xyz = [b"XYZ " + bytes(4) + fixed(*values) for values in (*colorants, D50)]
    curve = b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256)) + bytes(2)
    text = b"desc" + bytes(4) + struct.pack(">I", 5) + b"wide\0" + bytes(78)
    bodies = [*xyz, curve, text]
    names = [(b"rXYZ", 0), (b"gXYZ", 1), (b"bXYZ", 2), (b"wtpt", 3)]
    names += [(tag, 4) for tag in (b"rTRC", b"gTRC", b"bTRC")] + [(b"desc", 5)]
    start = 128 + 4 + 12 * len(names)
    places = [start + sum(map(len, bodies[:k])) for k in range(len(bodies))]
    table = b"".join(tag + struct.pack(">II", places[k], len(bodies[k])) for tag, k in names)
    content = struct.pack(">I", len(names)) + table + b"".join(bodies)
    head = struct.pack(
        ">I4sI4s4s4s", 128 + len(content), bytes(4), 0x02400000, b"mntr", b"RGB ", b"XYZ "
    )
    head += bytes(12) + b"acsp" + bytes(28) + fixed(*D50) + bytes(48)
    return head + content


def to_srgb(stored: np.ndarray, colorants: tuple, gamma: float) -> np.ndarray:
    """Convert by the profile's definition, without a colour library."""
    linear = (stored / 255) ** gamma
    from_srgb = np.array(
        [[0.4361, 0.3851, 0.1431], [0.2225, 0.7169, 0.0606], [0.0139, 0.0971, 0.7141]]
    )
    values = linear @ np.array(colorants) @ np.linalg.inv(from_srgb).T
    values = values.clip(0, 1)
    curved = np.where(values <= 0.0031308, 12.92 * values, 1.055 * values ** (1 / 2.4) - 0.055)
    return 255 * curved


@pytest.mark.parametrize(
    ("colorants", "gamma"), [(DISPLAY_P3, 2.2), (ADOBE_RGB, 2.2)], ids=["p3", "adobe"]
)
@pytest.mark.parametrize("suffix", ["png", "jpg", "tif", "webp", "heic"])
def test_wide_colours_become_srgb(tmp_path, colorants, gamma, suffix):
    colours = np.random.default_rng(0).integers(60, 196, (4, 6, 3), dtype=np.uint8)
    stored = np.kron(colours, np.ones((32, 32, 1), np.uint8))
    path = tmp_path / f"a.{suffix}"
    options = {"quality": 95} if suffix in ("jpg", "webp", "heic") else {}
    Image.fromarray(stored).save(path, icc_profile=profile(colorants, gamma), **options)
    centres = read_image(path)[16::32, 16::32]
    lossless = suffix in ("png", "tif")
    assert np.abs(centres - to_srgb(colours, colorants, gamma)).max() < (3 if lossless else 9)
    assert np.abs(centres.astype(int) - colours).max() > 10


def test_transparency_keeps_its_shape(tmp_path):
    stored = np.full((8, 8, 4), (200, 40, 40, 255), np.uint8)
    stored[:, :4, 3] = 0
    Image.fromarray(stored).save(tmp_path / "a.png", icc_profile=profile(ADOBE_RGB, 2.2))
    found = read_image(tmp_path / "a.png")
    assert (found[:, :4] == 255).all() and found[0, 7, 0] > 210


def test_pictures_in_srgb_stay_as_they_are(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    own = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.fromarray(noise).save(tmp_path / "a.png", icc_profile=own)
    assert np.array_equal(read_image(tmp_path / "a.png"), noise)


@pytest.mark.parametrize("content", [b"no profile", profile(ADOBE_RGB, 2.2)[:200]])
def test_a_damaged_profile_is_left_aside_and_said(tmp_path, content, caplog):
    noise = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "a.png", icc_profile=content)
    assert np.array_equal(read_image(tmp_path / "a.png"), noise)
    assert "a.png: its colour profile cannot be used" in caplog.text


def test_grey_and_cmyk_with_a_profile_of_another_kind(tmp_path):
    for mode in ("L", "CMYK"):
        buffer = io.BytesIO()
        Image.new(mode, (8, 8), 90).save(buffer, "TIFF", icc_profile=profile(ADOBE_RGB, 2.2))
        (tmp_path / "a.tif").write_bytes(buffer.getvalue())
        assert read_image(tmp_path / "a.tif").shape == (8, 8, 3)


def exif_of(size: tuple[int, int], tags: dict[int, object], orientation: int = 1) -> Image.Image:
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif.get_ifd(0x8769).update(tags)
    buffer = io.BytesIO()
    Image.new("RGB", size).save(buffer, "JPEG", exif=exif)
    return ImageOps.exif_transpose(Image.open(buffer))


SENSOR = {0x920A: 4.0, 0xA20E: 5000.0, 0xA210: 3, 0xA002: 400, 0xA003: 300}


@pytest.mark.parametrize(
    ("size", "tags", "orientation", "widths"),
    [
        ((360, 240), {0xA405: 36}, 1, 1.0),
        ((360, 240), {0xA405: 36}, 6, 1.5),
        ((200, 200), {0xA405: 50}, 1, 50 / 43.2666 * 2**0.5),
        ((400, 300), SENSOR, 1, 2000 / 400),
        ((200, 150), SENSOR, 8, 1000 / 150),
        ((360, 240), {}, 1, None),
        ((360, 240), {0xA405: 0}, 1, None),
        ((360, 240), SENSOR | {0xA20E: 0.0}, 1, None),
        ((360, 240), SENSOR | {0xA210: 9}, 1, None),
    ],
)
def test_focal_length_of_the_upright_picture(size, tags, orientation, widths):
    found = focal_widths(exif_of(size, tags, orientation))
    assert found == (None if widths is None else pytest.approx(widths, rel=1e-4))
