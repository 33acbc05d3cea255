"""Averaging over views: every view lines up with the picture, and errors of one view shrink."""

import numpy as np
import pytest

from stereo.depth.disparity import predict_disparity
from stereo.depth.views import VIEWS, AveragedViews

ROWS, COLUMNS = np.indices((60, 90))
RED = (120 + 100 * np.sin(ROWS / 9) * np.cos(COLUMNS / 14)).astype(np.uint8)
IMAGE = np.stack([RED, 255 - RED, RED // 2], axis=-1)


def red(image: np.ndarray) -> np.ndarray:
    return image[..., 0].astype(np.float32)


@pytest.mark.parametrize("views", range(1, len(VIEWS) + 1))
def test_views_line_up(views):
    found = predict_disparity(AveragedViews(red, views), IMAGE)
    np.testing.assert_allclose(found, red(IMAGE), atol=1e-3)


def test_each_look_may_have_a_scale_of_its_own():
    looks = iter([(1, 0), (3, 7), (0.5, -2), (2, 1)])

    def drifting(image: np.ndarray) -> np.ndarray:
        scale, shift = next(looks)
        return red(image) * scale + shift

    np.testing.assert_allclose(AveragedViews(drifting, 4)(IMAGE), red(IMAGE), atol=1e-3)


def test_what_leans_to_one_side_is_evened_out():
    def leaning(image: np.ndarray) -> np.ndarray:
        return red(image) + np.linspace(0, 80, image.shape[1])

    one, two = (np.abs(AveragedViews(leaning, n)(IMAGE) - red(IMAGE)).std() for n in (1, 2))
    assert two < one / 2


def test_a_flat_map_stays_flat():
    flat = AveragedViews(lambda image: np.ones(image.shape[:2], np.float32), 2)
    assert (flat(IMAGE) == 1).all()
    assert flat.name == "function, mean of 2 views" and flat.kind == "disparity"
