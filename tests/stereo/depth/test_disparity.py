"""Disparity predicted and read: right preprocessing, right orientation, one line for bad input."""

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image
from torch import Tensor, nn

from dpt.transforms import network_input
from stereo.depth.disparity import (
    disparity_of_tensor,
    normalise_disparity,
    predict_disparity,
    read_disparity,
)

RAMP = np.arange(12, dtype=np.float32).reshape(3, 4)


class RedChannel(nn.Module):
    """A stand-in for a network: its disparity is the red channel it was fed."""

    net_size_px = 64

    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(()))
        self.fed: list[Tensor] = []

    def forward(self, x: Tensor) -> Tensor:
        self.fed.append(x)
        return self.gain * x[:, 0]


def photo(height: int, width: int) -> np.ndarray:
    rows, columns = np.indices((height, width)) / 20
    red = 128 + 90 * np.sin(rows) * np.cos(columns)
    return np.stack((red, 255 - red, red / 2), axis=-1).astype(np.uint8)


@pytest.mark.parametrize("size", [(64, 64), (150, 200), (97, 41), (40, 30), (1, 1), (3, 900)])
def test_any_size_comes_back_at_its_own_size(size):
    image, network = photo(*size), RedChannel()
    disparity = predict_disparity(network, image)
    assert disparity.shape == size
    assert disparity.dtype == np.float32
    (fed,) = network.fed
    assert torch.equal(fed, network_input(image, net_size_px=64))
    assert disparity.min() >= fed[:, 0].min().item() - 1e-6
    assert disparity.max() <= fed[:, 0].max().item() + 1e-6


def test_prediction_lines_up_with_the_image():
    image = photo(150, 200)
    error = predict_disparity(RedChannel(), image) - (image[..., 0] / 127.5 - 1)
    assert np.abs(error).max() < 0.03


def test_published_feeding_is_unnormalised_and_unresized():
    image, network = photo(96, 128), RedChannel()
    disparity = predict_disparity(network, image, preprocessing="published")
    np.testing.assert_allclose(disparity, image[..., 0] / 255, atol=1e-6)
    assert network.fed[0].shape == (1, 3, 96, 128)


@pytest.mark.parametrize("preprocessing", ["dpt", "published"])
def test_tensors_and_images_agree(preprocessing):
    images = [photo(96, 128), photo(96, 128)[::-1].copy()]
    batch = torch.stack([torch.from_numpy(im).permute(2, 0, 1) for im in images]) / 127.5 - 1
    found = disparity_of_tensor(RedChannel(), batch, preprocessing=preprocessing)
    for one, image in zip(found, images, strict=True):
        expected = predict_disparity(RedChannel(), image, preprocessing=preprocessing)
        torch.testing.assert_close(one, torch.from_numpy(expected), atol=1e-4, rtol=0)


def test_network_runs_in_its_own_precision():
    network = RedChannel().to(torch.bfloat16)
    assert predict_disparity(network, photo(64, 64)).dtype == np.float32
    assert network.fed[0].dtype == torch.bfloat16


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA", "P", "I;16", "CMYK"])
def test_pictures_of_any_mode(tmp_path, mode):
    grey = np.tile(np.arange(64, dtype=np.uint8) * 4, (48, 1))
    if mode == "I;16":
        picture = Image.fromarray(grey.astype(np.uint16) * 257)
    else:
        picture = Image.fromarray(grey).convert(mode)
    expected = predict_disparity(RedChannel(), np.repeat(grey[..., None], 3, 2))
    if mode == "CMYK":  # black ink alone, so the same but for rounding
        found = predict_disparity(RedChannel(), picture)
        assert np.abs(found - expected).max() < 0.05 * np.ptp(expected)
        return
    path = tmp_path / "a.png"
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees
    picture.save(path, exif=exif)
    np.testing.assert_allclose(predict_disparity(RedChannel(), picture), expected, atol=1e-5)
    turned = predict_disparity(RedChannel(), path)
    assert turned.shape == (64, 48)
    upright = predict_disparity(RedChannel(), np.rot90(np.repeat(grey[..., None], 3, 2), -1).copy())
    np.testing.assert_allclose(turned, upright, atol=1e-5)


def test_wrong_images_and_options_are_refused():
    with pytest.raises(ValueError, match=r"\(4, 4\)"):
        predict_disparity(RedChannel(), np.zeros((4, 4), np.uint8))
    with pytest.raises(ValueError, match="float64"):
        predict_disparity(RedChannel(), np.zeros((4, 4, 3)))
    with pytest.raises(ValueError, match="'raw'"):
        predict_disparity(RedChannel(), photo(64, 64), preprocessing="raw")
    with pytest.raises(ValueError, match="'raw'"):
        disparity_of_tensor(RedChannel(), torch.zeros(1, 3, 64, 64), preprocessing="raw")


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
    assert read_disparity(path, is_depth=True).tolist() == [[1.0, 0.5, 0.0, 0.0]]


@pytest.mark.parametrize("value", [np.nan, -1.0])
def test_impossible_depth_is_refused(tmp_path, value):
    path = tmp_path / "depth.npy"
    np.save(path, np.array([[1.0, 2.0, value]]))
    with pytest.raises(ValueError, match="depth"):
        read_disparity(path, is_depth=True)


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


FINITE = st.floats(-1000, 1000, width=32)


@given(arrays(np.float32, (3, 2, 3), elements=FINITE))
def test_each_map_is_normalised_by_its_own_range(maps):
    ranges = maps.max((1, 2)) - maps.min((1, 2))
    if (ranges == 0).any():
        with pytest.raises(ValueError, match="constant"):
            normalise_disparity(maps)
        return
    found = normalise_disparity(maps)
    assert isinstance(found, np.ndarray)
    assert (found.min((1, 2)) == 0).all()
    assert (found.max((1, 2)) == 1).all()
    for one, values in zip(found, maps, strict=True):
        assert np.array_equal(one, normalise_disparity(values))
        assert np.array_equal(one, normalise_disparity(torch.from_numpy(values)).numpy())
        order = np.argsort(values, axis=None)
        assert (np.diff(one.ravel()[order]) >= 0).all()


def test_a_map_with_nan_is_not_normalised():
    with pytest.raises(ValueError, match="NaN"):
        normalise_disparity(torch.tensor([[0.0, float("nan")]]))


def test_16_bit_png_comes_back(tmp_path):
    path = tmp_path / "map.png"
    values = np.random.default_rng(0).random((5, 7), dtype=np.float32)
    Image.fromarray(np.round(values * 65535.0).astype(np.uint16)).save(path)
    with Image.open(path) as image:
        assert image.mode == "I;16"
    np.testing.assert_allclose(read_disparity(path) / 65535, values, atol=0.5 / 65535 + 1e-7)


def test_small_dpt_network_end_to_end():
    from dpt.models import DPTDepthModel

    model = DPTDepthModel(backbone="vit_small_shapes", non_negative=False).eval()
    image = photo(120, 200)
    disparity = predict_disparity(model, image)
    x = network_input(image, net_size_px=256)
    with torch.no_grad():
        expected = F.interpolate(model(x)[:, None], (120, 200), mode="bicubic", antialias=True)
    assert disparity.shape == (120, 200)
    assert np.corrcoef(disparity.ravel(), expected.numpy().ravel())[0, 1] > 0.999
