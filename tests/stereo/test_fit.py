"""Pictures and their maps are fitted alike."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stereo.fit import MAX_ASPECT, covering_fit, multiple_fit, square_fit

SIDES = st.integers(1, 3000)


@given(SIDES, SIDES, st.sampled_from([64, 256, 512]))
def test_fitted_sizes_are_usable_and_near_the_proportions(width, height, size_px):
    fit = multiple_fit(width, height, size_px=size_px, multiple=64)
    assert min(fit.size_px) == size_px
    assert max(fit.size_px) <= MAX_ASPECT * size_px
    assert all(side % 64 == 0 for side in fit.size_px)
    left, top, right, bottom = fit.crop_px
    assert 0 <= left < right <= width
    assert 0 <= top < bottom <= height
    assert (right - left) / (bottom - top) == pytest.approx(fit.size_px[0] / fit.size_px[1])
    assert left == pytest.approx(width - right, abs=1e-6)
    assert top == pytest.approx(height - bottom, abs=1e-6)
    wanted = min(max(width, height) / min(width, height), MAX_ASPECT)
    assert max(fit.size_px) / size_px == pytest.approx(wanted, abs=0.5 * 64 / size_px + 1e-9)


def test_an_image_and_its_map_are_cut_alike():
    ramp = np.arange(200, dtype=np.uint8)[None].repeat(60, axis=0)
    fit = square_fit(200, 60, size_px=64)
    image, values = fit.image(ramp[..., None].repeat(3, axis=2)), fit.map(ramp)
    assert image.shape == (64, 64, 3)
    assert values.shape == (64, 64)
    assert values.dtype == np.float32
    assert np.abs(image[:, 2:-2, 0] - values[:, 2:-2]).max() <= 1
    assert values.min() >= 69.5
    assert values.max() <= 129.5


def fit_to_multiple(image: np.ndarray, size_px: int) -> np.ndarray:
    height, width = image.shape[:2]
    return multiple_fit(width, height, size_px=size_px).image(image)


def test_the_right_size_is_left_alone():
    image = np.random.default_rng(0).integers(0, 256, (128, 192, 3), dtype=np.uint8)
    assert np.array_equal(fit_to_multiple(image, 128), image)
    assert np.array_equal(square_fit(192, 128, size_px=128).image(image), image[:, 32:160])


def test_reducing_is_antialiased():
    checks = (np.indices((512, 512)).sum(0) % 2 * 255).astype(np.uint8)
    image = checks[..., None].repeat(3, axis=2)
    assert np.abs(fit_to_multiple(image, 64).astype(int) - 127).max() <= 2


@pytest.mark.parametrize("size", [(1, 1), (1, 500), (3000, 2)])
def test_extreme_images_can_be_fitted(size):
    image = np.full((size[1], size[0], 3), 9, dtype=np.uint8)
    out = fit_to_multiple(image, 64)
    assert (out == 9).all()
    assert covering_fit(*size, size_px=(128, 64)).image(image).shape == (64, 128, 3)


@pytest.mark.parametrize("size_px", [0, 32, 100])
def test_sizes_that_are_no_multiple_are_named(size_px):
    with pytest.raises(ValueError, match=str(size_px)):
        fit_to_multiple(np.zeros((64, 64, 3), np.uint8), size_px)
