"""Refined maps: edges go where the picture has them, and nothing else changes."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from stereo.depth.refine import refine

HEIGHT, WIDTH = 200, 600


def scene(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return a picture of a disc before a wall, both textured, and its true disparity."""
    rows, columns = np.indices((HEIGHT, WIDTH))
    inside = (rows - 100) ** 2 + (columns - 300) ** 2 < 70**2
    noise = np.random.default_rng(seed).normal(0, 6, (HEIGHT, WIDTH, 3))
    picture = np.where(inside[..., None], (200, 150, 60), (60, 80, 120)) + noise
    disparity = np.where(inside, 20.0, 4.0) + columns / WIDTH
    return picture.clip(0, 255).astype(np.uint8), disparity.astype(np.float32)


@pytest.mark.parametrize("moved_px", [-2, 0, 2])
def test_a_blurred_edge_becomes_the_picture_s(moved_px):
    picture, true = scene()
    blurred = np.roll(cv2.GaussianBlur(true, (0, 0), 3), moved_px, axis=1)
    before, after = (np.abs(one - true) for one in (blurred, refine(blurred, picture)))
    rim = before > 2
    assert after[rim].mean() < 0.5 * before[rim].mean()
    assert (after > 4).sum() < 0.5 * (before > 4).sum()


def test_a_sharp_map_stays():
    picture, true = scene()
    assert np.abs(refine(true, picture) - true).mean() < 0.05


def test_a_floor_stays_whatever_is_painted_on_it():
    picture = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    floor = np.linspace(0, 1, HEIGHT, dtype=np.float32)[:, None] * np.ones((1, WIDTH), np.float32)
    picture[:, ::40] = 0
    np.testing.assert_allclose(refine(floor, picture), floor, atol=0.03)


def test_mirrored_pictures_give_mirrored_maps():
    picture, true = scene()
    blurred = cv2.GaussianBlur(true, (0, 0), 3)
    mirrored = refine(
        np.ascontiguousarray(blurred[:, ::-1]), np.ascontiguousarray(picture[:, ::-1])
    )
    # A smoothing window of even width leans to one side by half a pixel.
    assert np.abs(mirrored[:, ::-1] - refine(blurred, picture)).mean() < 0.05


@given(arrays(np.float32, (12, 30), elements=st.floats(-100, 100, width=32)))
def test_no_value_leaves_the_range(values):
    picture = np.random.default_rng(0).integers(0, 256, (12, 30, 3), np.uint8)
    refined = refine(values, picture)
    assert refined.dtype == np.float32 and refined.shape == values.shape
    assert values.min() <= refined.min() and refined.max() <= values.max()


@given(st.floats(0.01, 100), st.floats(-100, 100))
def test_units_do_not_matter(scale, shift):
    picture, true = scene()
    blurred = cv2.GaussianBlur(true, (0, 0), 3)[40:100]
    other = refine(blurred * scale + shift, picture[40:100])
    np.testing.assert_allclose(
        (other - shift) / scale,
        refine(blurred, picture[40:100]),
        atol=0.02 + 2e-4 * abs(shift) / scale,
    )
