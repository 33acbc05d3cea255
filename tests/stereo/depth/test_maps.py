"""The user's maps: every file and every meaning, gaps filled, nonsense refused in one line."""

import logging
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stereo.depth.map_files import find_map
from stereo.depth.maps import fill_rows, read_disparity

RAMP = np.arange(12, dtype=np.float32).reshape(3, 4)


def write_pfm(path: Path, values: np.ndarray, *, little: bool) -> Path:
    height, width = values.shape[:2]
    kind = "PF" if values.ndim == 3 else "Pf"
    body = values[::-1].astype("<f4" if little else ">f4").tobytes()
    path.write_bytes(f"{kind}\n{width} {height}\n{-1.0 if little else 1.0}\n".encode() + body)
    return path


def written(kind: str, folder: Path) -> Path:
    path = folder / f"map.{kind.split('-')[0]}"
    if kind == "png-8":
        Image.fromarray(RAMP.astype(np.uint8)).save(path)
    elif kind == "png-16":
        Image.fromarray(RAMP.astype(np.uint16)).save(path)
    elif kind == "png-rgb":
        Image.fromarray(np.repeat(RAMP.astype(np.uint8)[..., None], 3, axis=2)).save(path)
    elif kind == "png-palette":
        Image.fromarray(RAMP.astype(np.uint8)).convert("P").save(path)
    elif kind == "tif-float":
        Image.fromarray(RAMP).save(path)
    elif kind == "npy-3d":
        np.save(path, RAMP[None])
    elif kind == "npy-int":
        np.save(path, RAMP[..., None].astype(np.int64))
    elif kind == "pfm-colour":
        write_pfm(path, np.repeat(RAMP[..., None], 3, axis=2), little=True)
    else:
        write_pfm(path, RAMP, little=kind == "pfm-little")
    return path


@pytest.mark.parametrize(
    "kind",
    [
        "png-8",
        "png-16",
        "png-rgb",
        "png-palette",
        "tif-float",
        "npy-3d",
        "npy-int",
        "pfm-little",
        "pfm-big",
        "pfm-colour",
    ],
)
def test_every_format_holds_the_same_map(tmp_path, kind):
    found = read_disparity(written(kind, tmp_path))
    assert found.dtype == np.float32
    assert np.array_equal(found, RAMP)


def test_pfm_agrees_with_another_reader(tmp_path):
    import cv2

    path = tmp_path / "map.pfm"
    cv2.imwrite(str(path), RAMP)
    assert np.array_equal(read_disparity(path), RAMP)


def test_depth_is_inverted(tmp_path):
    path = tmp_path / "depth.npy"
    np.save(path, np.array([[1.0, 2.0, 0.0, np.inf]]))
    assert read_disparity(path, kind="depth").tolist() == [[1.0, 0.5, 0.0, 0.0]]


def test_impossible_depth_is_refused(tmp_path):
    path = tmp_path / "depth.npy"
    np.save(path, np.array([[1.0, 2.0, -1.0]]))
    with pytest.raises(ValueError, match="depth"):
        read_disparity(path, kind="depth")


def test_a_map_of_the_images_proportions_is_resized(tmp_path):
    path = tmp_path / "map.npy"
    np.save(path, np.linspace(0, 1, 100)[None].repeat(50, axis=0))
    found = read_disparity(path, size_px=(400, 201))
    assert found.shape == (201, 400)
    assert np.all(np.diff(found, axis=1) >= -1e-6)
    with pytest.raises(ValueError, match=r"100x50.*400x300"):
        read_disparity(path, size_px=(400, 300))


def _npy_header(text: str) -> bytes:
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()


def broken(kind: str, folder: Path) -> Path:
    suffix = {"pfm": ".pfm", "png": ".png"}.get(kind.split("-")[0], ".npy")
    path = folder / f"map{suffix}"
    arrays_of = {
        "constant": np.full((3, 4), 2.0),
        "nan": np.array([[1.0, np.nan]]),
        "infinite": np.array([[1.0, np.inf]]),
        "pixelless": np.zeros((0, 4)),
        "stack": np.zeros((2, 3, 4)),
        "text": np.array(["a"]),
        "object": np.array([{}], dtype=object),
    }
    raw = {
        "zip.npy": b"PK\x03\x04" + bytes(40),
        "header.npy": _npy_header("{'descr': '<f4', 'shape': (3, (4"),
        "huge.npy": _npy_header("{'descr': '<f4', 'fortran_order': False, 'shape': (10**25,)}"),
        "pfm-huge": b"Pf\n1" + b"0" * 21 + b" 1\n-1.0\n" + bytes(16),
        "pfm-negative": b"Pf\n-1 -4\n-1.0\n" + bytes(16),
    }
    arrays_of["too-large"] = np.array([[1.0, 1e300]])
    arrays_of["too-close"] = np.array([[1.0, 1 + 1e-12]])
    if kind in raw:
        path.write_bytes(raw[kind])
    elif kind in arrays_of:
        np.save(path, arrays_of[kind], allow_pickle=True)
    elif kind == "png-colour":
        Image.fromarray(np.arange(36, dtype=np.uint8).reshape(3, 4, 3)).save(path)
    elif kind == "pfm-cut":
        path.write_bytes(write_pfm(path, RAMP, little=True).read_bytes()[:-5])
    elif kind == "folder":
        path.mkdir()
    else:
        path.write_bytes(b"Pf\nwide high\n" if kind == "pfm-header" else b"")
    return path


@pytest.mark.parametrize(
    "kind",
    [
        "constant",
        "nan",
        "infinite",
        "pixelless",
        "stack",
        "text",
        "object",
        "png-colour",
        "png-empty",
        "pfm-cut",
        "pfm-header",
        "pfm-huge",
        "pfm-negative",
        "zip.npy",
        "header.npy",
        "huge.npy",
        "too-large",
        "too-close",
        "folder",
    ],
)
def test_unusable_maps_end_in_one_line(tmp_path, kind):
    path = broken(kind, tmp_path)
    with pytest.raises(ValueError, match="disparity") as caught:
        read_disparity(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_map_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="map.npy"):
        read_disparity(tmp_path / "map.npy")


def test_16_bit_png_comes_back(tmp_path):
    path = tmp_path / "map.png"
    values = np.random.default_rng(0).random((5, 7), dtype=np.float32)
    Image.fromarray(np.round(values * 65535.0).astype(np.uint16)).save(path)
    with Image.open(path) as image:
        assert image.mode == "I;16"
    np.testing.assert_allclose(read_disparity(path) / 65535, values, atol=0.5 / 65535 + 1e-7)


@pytest.fixture
def hill() -> np.ndarray:
    """Return a smooth map (60, 80) of whole numbers from 1 to 200, largest in the middle."""
    rows, columns = np.mgrid[0:60, 0:80]
    away = np.hypot(rows - 30, columns - 40)
    return np.rint(200 - 199 * away / away.max()).astype(np.float32)


@pytest.mark.parametrize(
    "shape", [(1, 1, 60, 80), (1, 60, 80), (60, 80, 1), (1, 60, 80, 1)], ids=str
)
@pytest.mark.parametrize("suffix", ["npy", "npz"])
def test_arrays_with_axes_of_one(tmp_path, hill, shape, suffix):
    path = tmp_path / f"map.{suffix}"
    (np.save if suffix == "npy" else np.savez)(path, hill.reshape(shape))
    assert np.array_equal(read_disparity(path), hill)


@pytest.mark.parametrize("channel", ["Z", "Y", "ViewLayer.Depth.V", "RGB"])
def test_openexr(tmp_path, hill, channel):
    exr = pytest.importorskip("OpenEXR")
    pixels = np.repeat(hill[..., None], 3, axis=2) if channel == "RGB" else hill
    path = tmp_path / "map.exr"
    exr.File({"compression": exr.ZIP_COMPRESSION}, {channel: pixels}).write(str(path))
    assert np.array_equal(read_disparity(path), hill)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(ValueError, match="map.exr cannot be read"):
        read_disparity(path)


@pytest.mark.parametrize("suffix", ["webp", "jpg", "bmp", "tif", "jfif", "avif"])
def test_lossy_and_coloured_files_of_a_grey_map(tmp_path, hill, suffix):
    path = tmp_path / f"map.{suffix}"
    Image.fromarray(hill.astype(np.uint8)).convert("RGB").save(path)
    assert np.abs(read_disparity(path) - hill).mean() < 3


def test_a_photo_is_no_map(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "photo.png")
    with pytest.raises(ValueError, match="expected one channel: no map, or no depth in it"):
        read_disparity(tmp_path / "photo.png")


def test_far_may_be_bright(tmp_path, hill):
    np.save(tmp_path / "map.npy", 255 - hill)
    near = read_disparity(tmp_path / "map.npy", kind="far-bright")
    assert np.array_equal(near - near.min(), hill - hill.min())


def test_gaps_are_filled_along_rows_and_said(tmp_path, hill, caplog):
    gaps = hill.copy()
    gaps[10:20, 30:35] = np.nan
    gaps[40, :] = np.inf
    np.save(tmp_path / "map.npy", gaps)
    with caplog.at_level(logging.INFO, "stereo"):
        found = read_disparity(tmp_path / "map.npy")
    known = np.isfinite(gaps)
    assert np.array_equal(found[known], hill[known])
    farther = np.minimum(hill[10:20, 29], hill[10:20, 35])
    assert np.array_equal(found[10:20, 30:35], np.repeat(farther[:, None], 5, axis=1))
    assert np.array_equal(found[40], found[39])
    assert caplog.messages == [
        f"disparity {tmp_path}/map.npy: 130 unknown values (2.7 %), filled along rows"
    ]


def test_depth_without_a_value_is_unknown(tmp_path, hill):
    metres = 100 / hill
    metres[10:20, 30:35], metres[50, 3] = 0, np.nan
    np.save(tmp_path / "map.npy", metres)
    found = read_disparity(tmp_path / "map.npy", kind="depth")
    assert found[10:20, 30:35].max() <= found[10:20].max() < 3
    np.testing.assert_allclose(found[0], hill[0] / 100, rtol=1e-5)


def sparse(values: np.ndarray) -> np.ndarray:
    return np.where(np.random.default_rng(0).random(values.shape) < 0.25, values, 0)


@pytest.mark.parametrize("kind", ["near-bright", "disparity_px"])
def test_kitti_s_maps_are_known_by_their_values(tmp_path, hill, kind):
    stored = sparse(np.rint(hill / 10 * 256)).astype(np.uint16)
    Image.fromarray(stored).save(tmp_path / "map.png")
    found = read_disparity(tmp_path / "map.png", kind=kind)
    known = stored > 0
    scale = 256 if kind == "disparity_px" else 1
    np.testing.assert_allclose(found[known], stored[known] / scale)
    assert found.min() > 0


def test_a_flat_background_of_zeros_is_no_gap(tmp_path):
    near = np.zeros((60, 80), np.uint8)
    near[20:40, 30:50] = 200
    Image.fromarray(near).save(tmp_path / "map.png")
    assert np.array_equal(read_disparity(tmp_path / "map.png"), near)


def test_a_relative_map_is_no_depth_in_metres(tmp_path, hill):
    """1 / depth sends the few nearest points infinitely near."""
    relative = 201 - hill
    relative[30, 40] = 1e-3
    np.save(tmp_path / "map.npy", relative)
    with pytest.raises(ValueError, match="flat but for a few pixels, read as depth.*--map"):
        read_disparity(tmp_path / "map.npy", kind="depth")
    assert read_disparity(tmp_path / "map.npy", kind="far-bright").shape == (60, 80)


def test_shifts_wider_than_the_picture_are_refused(tmp_path, hill):
    np.save(tmp_path / "map.npy", hill)
    with pytest.raises(ValueError, match="by up to 200 px, expected at most the picture's 80 px"):
        read_disparity(tmp_path / "map.npy", kind="disparity_px")
    flat = np.full((60, 80), 5.0)
    np.save(tmp_path / "map.npy", flat)
    assert np.array_equal(read_disparity(tmp_path / "map.npy", kind="disparity_px"), flat)


@pytest.mark.parametrize("suffix", ["npy", "npz", "pfm", "png"])
def test_too_many_pixels_are_refused_before_they_are_read(tmp_path, hill, suffix):
    path = tmp_path / f"map.{suffix}"
    if suffix == "pfm":
        write_pfm(path, hill, little=True)
    elif suffix == "png":
        Image.fromarray(hill.astype(np.uint8)).save(path)
    else:
        (np.save if suffix == "npy" else np.savez)(path, hill.astype(np.float64))
    assert read_disparity(path, max_megapixels=0.0049).shape == (60, 80)
    with pytest.raises(ValueError, match=f"map.{suffix}.*megapixels"):
        read_disparity(path, max_megapixels=0.0047)


def test_several_arrays_in_one_file_are_named(tmp_path, hill):
    np.savez(tmp_path / "map.npz", left=hill, right=hill)
    with pytest.raises(ValueError, match="it holds left, right, expected one array"):
        read_disparity(tmp_path / "map.npz")


def test_an_archive_called_npy(tmp_path, hill):
    np.savez(tmp_path / "map.npz", hill)
    (tmp_path / "map.npz").rename(tmp_path / "map.npy")
    with pytest.raises(ValueError, match="map.npy cannot be read: it is an archive"):
        read_disparity(tmp_path / "map.npy")


@pytest.mark.parametrize(
    "name",
    [
        "cat.png",
        "cat.JPEG",
        "cat_depth.png",
        "cat-depth.png",
        "cat_disparity.npy",
        "cat-disparity.exr",
        "cat_disp.tif",
    ],
)
def test_maps_are_found_as_other_tools_name_them(tmp_path, name):
    for other in ("cats.png", "cat_mask.png", "cat.json", "cat_depth.txt", name):
        (tmp_path / other).touch()
    assert find_map(tmp_path, "cat").name == name
    with pytest.raises(FileNotFoundError, match="disparity: no map dog"):
        find_map(tmp_path, "dog")


def test_the_plainest_name_comes_first(tmp_path):
    for name in ("cat_depth.png", "cat.png", "cat_disparity.npy"):
        (tmp_path / name).touch()
    assert find_map(tmp_path, "cat").name == "cat.png"


def test_rows_without_a_value_copy_the_nearest():
    rows = np.full((7, 2), np.nan, np.float32)
    rows[2], rows[6] = 1, 2
    assert fill_rows(rows)[:, 0].tolist() == [1, 1, 1, 1, 1, 2, 2]
    with pytest.raises(ValueError, match="no known pixel"):
        fill_rows(rows[:2])
