"""Widening what is near in a predicted map, and where the preset `best` does it."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from stereo.depth.parallax import widen_edges
from stereo.options import SamplingOptions, preset
from stereo.pipelines import image_to_stereo


@given(st.integers(0, 4), st.integers(0, 2**32 - 1))
def test_each_place_takes_the_nearest_of_its_square(radius: int, seed: int) -> None:
    near = torch.rand(2, 9, 20, generator=torch.Generator().manual_seed(seed))
    found = widen_edges(near, 100 * radius / 20)
    for y, x in ((0, 0), (4, 11), (8, 19)):
        rows = slice(max(0, y - radius), y + radius + 1)
        columns = slice(max(0, x - radius), x + radius + 1)
        assert torch.equal(found[:, y, x], near[:, rows, columns].amax((1, 2)))


def test_only_predicted_maps_are_widened(tiny_model, tiny_dpt) -> None:
    photo = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    few = SamplingOptions(steps=4, seed=3)

    def right(percent: float, disparity: np.ndarray | None) -> np.ndarray:
        options = replace(preset("best", scale_percent=10.0), edge_dilation_percent=percent)
        pair = image_to_stereo(
            tiny_model, tiny_dpt, photo, options=options, sampling=few, disparity=disparity
        )[0]
        return pair.right

    own = np.zeros((64, 64), np.float32)
    own[16:48, 24:40] = 1
    np.testing.assert_array_equal(right(0.0, own), right(5.0, own))
    assert (right(0.0, None) != right(5.0, None)).any()


def test_out_of_range() -> None:
    with pytest.raises(ValueError, match="edge_dilation_percent: got 9, expected 0 to 5"):
        preset("best", edge_dilation_percent=9)
