"""Disparity predicted and read: right preprocessing, right orientation, one line for bad input."""

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
    network_record,
    normalise_disparity,
    predict_disparity,
)


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


def red_of(image: np.ndarray) -> np.ndarray:
    return image[::2, ::2, 0] / 255


def test_anything_that_maps_pictures_to_disparity_is_a_depth_model():
    image = photo(96, 128)
    disparity = predict_disparity(red_of, image, preprocessing="published")
    assert disparity.shape == (96, 128) and disparity.dtype == np.float32
    assert np.abs(disparity - image[..., 0] / 255).max() < 0.05
    assert predict_disparity(red_of, image, at_network_size=True).shape == (48, 64)
    batch = torch.from_numpy(np.stack([image, image[::-1]])).permute(0, 3, 1, 2) / 127.5 - 1
    found = disparity_of_tensor(red_of, batch)
    torch.testing.assert_close(found[0], torch.from_numpy(disparity), atol=1e-3, rtol=0)
    expected = torch.from_numpy(predict_disparity(red_of, image[::-1]))
    torch.testing.assert_close(found[1], expected, atol=1e-3, rtol=0)


@pytest.mark.parametrize(
    "made",
    [np.zeros((2, 3, 4)), np.full((4, 4), np.nan), np.array([["near"]]), np.zeros((0, 4)), None],
)
def test_what_is_no_map_is_refused_by_name(made):
    with pytest.raises(ValueError, match="depth_model: "):
        predict_disparity(lambda image: made, photo(40, 40))


def test_settings_name_a_network_and_what_it_gives():
    assert network_record(RedChannel()) == {
        "depth_network": "dpt",
        "depth_kind": "relative inverse depth",
    }
    assert network_record(red_of) == {"depth_network": "function", "depth_kind": "disparity"}
