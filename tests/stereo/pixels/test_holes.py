"""Fusion: kept pixels, seamless holes; and guided denoising's noise."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from stereo.depth.parallax import disparity_pixels
from stereo.options import preset
from stereo.pixels.holes import fill_holes, fuse, mirror_background
from stereo.pixels.inpaint import Guide, right_noise, trust
from stereo.pixels.right_view import known_cells


def random_case(seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    height, width = rng.integers(5, 60, 2)
    warped = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    return warped, rng.random((height, width)) > 0.05


@given(st.integers(0, 2**31))
@settings(max_examples=25)
def test_warped_pixels_are_kept_exactly(seed):
    warped, valid = random_case(seed)
    change = 255 * torch.randn(3, 16, 24, generator=torch.Generator().manual_seed(seed))
    right = fuse(fill_holes(warped, valid), valid, change)
    assert np.array_equal(right[valid], warped[valid])


@given(st.integers(0, 2**31))
@settings(max_examples=25)
def test_without_a_change_the_filling_stands(seed):
    warped, valid = random_case(seed)
    filled = fill_holes(warped, valid)
    assert np.array_equal(fuse(filled, valid, torch.zeros(3, 4, 6)), filled)


def test_a_change_is_taken_over_in_holes_alone():
    filled = np.full((32, 48, 3), 100, np.uint8)
    valid = np.ones((32, 48), bool)
    valid[8:16, 20:30] = False
    right = fuse(filled, valid, torch.full((3, 4, 6), 30.0))
    assert np.all(right[~valid] == 130)
    assert np.all(right[valid] == 100)


def test_no_hole_and_nothing_but_holes():
    warped, _ = random_case(1)
    whole = np.ones(warped.shape[:2], bool)
    assert np.array_equal(fuse(fill_holes(warped, whole), whole, torch.ones(3, 8, 8)), warped)
    assert fill_holes(np.zeros_like(warped), ~whole).shape == warped.shape


def test_holes_continue_the_background_and_not_the_object_before_it():
    """The right eye sees more of what lies to the right of a near object."""
    picture = np.full((64, 96, 3), 200, np.uint8)
    picture[:, :40] = 20  # the near object
    valid = np.ones((64, 96), bool)
    valid[:, 40:52] = False
    hole = fill_holes(np.where(valid[..., None], picture, 0), valid)[~valid].reshape(64, 12, 3)
    assert hole.mean() > 130
    assert np.abs(hole[:, -1].astype(int) - 200).max() <= 4
    mirrored = fill_holes(picture[:, ::-1] * valid[:, ::-1, None], valid[:, ::-1], eye="left")
    assert np.array_equal(mirrored[:, ::-1][~valid], hole.reshape(-1, 3))


def test_the_mirror_stands_at_the_border_of_the_background():
    valid = np.array([[1, 0, 0, 0, 1, 1, 1, 0, 0]], bool)
    row = np.array([[10, 0, 0, 0, 40, 50, 60, 0, 0]], np.uint8)[..., None].repeat(3, 2)
    # At the right rim the left side is mirrored; no mirror image is taken from a hole.
    assert mirror_background(row, valid)[0, :, 0].tolist() == [10, 60, 50, 40, 40, 50, 60, 60, 50]
    narrow = np.array([[1, 0, 0, 1, 0]], bool)
    short = np.array([[10, 0, 0, 40, 0]], np.uint8)[..., None].repeat(3, 2)
    assert mirror_background(short, narrow)[0, :, 0].tolist() == [10, 40, 40, 40, 40]


def test_textured_background_is_continued_with_its_texture():
    """Repeating one column would leave streaks without contrast along rows."""
    texture = np.random.default_rng(0).integers(60, 200, (64, 96, 3), dtype=np.uint8)
    valid = np.ones((64, 96), bool)
    valid[:, 40:52] = False
    hole = fill_holes(texture, valid)[:, 40:52].astype(float)
    assert np.abs(np.diff(hole, axis=1)).mean() > 8


def test_a_cell_with_any_hole_is_not_known():
    valid = np.ones((32, 32), bool)
    valid[9, 17] = False
    known = known_cells(valid, (4, 4))[0, 0]
    assert known.sum() == 15
    assert not known[1, 2]


def random_guide(seed: int, *, holes: slice = slice(12, 20)) -> tuple[Guide, torch.Tensor]:
    """Return what is known, and noise to miss it by."""
    clean, noise, miss = torch.randn(3, 2, 4, 32, 32, generator=torch.Generator().manual_seed(seed))
    known = torch.ones(2, 1, 32, 32, dtype=torch.bool)
    known[..., holes] = False
    return Guide(clean, known, noise), miss


@given(st.integers(0, 1000), st.floats(1.6, 5))
@settings(max_examples=20)
def test_trust_is_the_weight_of_least_error(seed, times):
    """The network misses by 1 beside the holes, and differs in them by more."""
    guide, miss = random_guide(seed)
    spread = torch.where(guide.known, 1.0, times)
    found = trust(guide.clean + spread * miss, guide)
    assert found.shape == (2, 1, 1, 1)
    torch.testing.assert_close(found, torch.full_like(found, 1 - 2 * times**-2), atol=0.2, rtol=0)


def test_trust_of_a_network_that_is_right_and_of_one_that_is_not():
    guide, miss = random_guide(0)
    torch.testing.assert_close(
        trust(torch.where(guide.known, guide.clean, miss), guide), torch.ones(2, 1, 1, 1)
    )
    astray = torch.where(guide.known, guide.clean + miss, guide.clean + 0.1 * miss)
    assert trust(astray, guide).max() == 0


def test_trust_looks_beside_the_holes_and_not_far_away():
    guide, miss = random_guide(0)
    far = torch.zeros(32, dtype=torch.bool)
    far[:8] = far[-8:] = True
    wrong = torch.where(far, guide.clean + 9 * miss, guide.clean)
    assert trust(torch.where(guide.known, wrong, miss), guide).min() == 1


def test_moved_noise_keeps_unit_variance():
    """Interpolated noise would lose a third of it and more."""
    generator = torch.Generator().manual_seed(0)
    clean, noise, fresh = torch.randn(3, 1, 4, 64, 64, generator=generator)
    alpha = 0.3
    left = alpha**0.5 * clean + (1 - alpha) ** 0.5 * noise
    near = torch.rand(1, 64, 64, generator=generator) * -4
    moved = right_noise(left, clean, alpha, near.round().long(), fresh)
    assert moved.var().item() == pytest.approx(1, abs=0.05)
    still = right_noise(left, clean, alpha, torch.zeros(1, 64, 64, dtype=torch.long), fresh)
    torch.testing.assert_close(still, noise, atol=1e-5, rtol=0)


def test_disparity_in_pixels():
    near = torch.tensor([[[0.0, 2.0, 4.0, 1.0]]])
    relative = preset("best", scale_percent=50.0, convergence=0.5)
    assert disparity_pixels(near, relative).flatten().tolist() == [-1, 0, 1, -0.5]
    metric = preset("best", metric_disparity=True)
    assert disparity_pixels(near, metric).flatten().tolist() == [0, 2, 4, 1]
    held = preset("best", metric_disparity=True, convergence=1.0)
    assert disparity_pixels(near, held).flatten().tolist() == [-4, -2, 0, -3]
