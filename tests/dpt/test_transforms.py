"""The transform of monocular depth against the reference's numbers."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dpt.transforms import (
    AREA,
    CUBIC,
    NormalizeImage,
    PrepareForNet,
    Resize,
    network_input,
    network_resize,
)

CASES = ["dpt_transform_97x141", "dpt_transform_420x402"]
SIDES = st.integers(1, 5000)


@pytest.mark.parametrize("name", CASES)
def test_agrees_with_the_reference(golden, name):
    case = golden(name)
    out = network_input(case["image_u8"].numpy(), net_size_px=384)[0]
    assert list(out.shape) == case["out_shape"].tolist()
    stride = case["config"]["stride"]
    border = torch.cat((out[:, 0], out[:, -1], out[:, :, 0], out[:, :, -1]), dim=1)
    for found, expected in (
        (out[:, ::stride, ::stride], case["output_sub"]),
        (border, case["output_border"]),
        (torch.stack((out.min(), out.max())), case["output_min_max"]),
    ):
        torch.testing.assert_close(found, expected, atol=1e-4, rtol=0)
    mean_std = torch.stack((out.double().mean(), out.double().std(correction=0)))
    torch.testing.assert_close(mean_std, case["output_mean_std"], atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", CASES)
def test_sizes_agree_with_the_reference(golden, name):
    for width, height, net_width, net_height in golden(name)["sizes_w_h_netw_neth"].tolist():
        resize = network_resize(width, height, net_size_px=384)
        assert resize.get_size(width, height) == (net_width, net_height)


@given(SIDES, SIDES, st.sampled_from([256, 384]))
def test_network_sizes_are_usable(width, height, net_size_px):
    net_width, net_height = network_resize(width, height, net_size_px=net_size_px).get_size(
        width, height
    )
    assert net_width % 32 == net_height % 32 == 0
    assert min(net_width, net_height) >= 32
    assert net_width * net_height <= 8 * net_size_px**2


@given(SIDES, SIDES)
def test_bounds_hold(width, height):
    lower = Resize(384, 256, keep_aspect_ratio=True, ensure_multiple_of=32)
    assert all(found >= 256 for found in lower.get_size(width, height))
    upper = Resize(
        384, 256, keep_aspect_ratio=True, ensure_multiple_of=32, resize_method="upper_bound"
    )
    net_width, net_height = upper.get_size(width, height)
    assert net_width <= 384
    assert net_height <= 256
    assert Resize(384, 256).get_size(width, height) == (384, 256)


def test_maps_follow_by_nearest_neighbour():
    sample = {
        "image": np.zeros((4, 6, 3)),
        "depth": np.arange(24.0).reshape(4, 6),
        "mask": np.ones((4, 6), bool),
    }
    out = Resize(3, 2, image_interpolation_method=AREA)(sample)
    assert out["image"].shape == (2, 3, 3)
    assert out["depth"].tolist() == [[0, 2, 4], [12, 14, 16]]
    assert sample["depth"].shape == (4, 6)
    kept = Resize(3, 2, resize_target=None, image_interpolation_method=CUBIC)(sample)
    assert kept["depth"].shape == (4, 6)
    ready = PrepareForNet()(out)
    assert ready["image"].shape == (3, 2, 3)
    assert all(value.dtype == np.float32 for value in ready.values())


def test_channels_are_normalised_each_by_its_own():
    out = NormalizeImage((0.0, 0.5, 1.0), (1.0, 0.5, 2.0))({"image": np.ones((1, 1, 3))})
    assert out["image"].tolist() == [[[1.0, 1.0, 0.0]]]


def test_unknown_method_is_named():
    with pytest.raises(ValueError, match="largest"):
        Resize(1, 1, resize_method="largest")
