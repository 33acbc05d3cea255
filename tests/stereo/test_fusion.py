"""Fusion: kept pixels, seamless holes; and guided denoising's noise."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from stereo.fused import known_cells, prefill
from stereo.fusion import continue_smoothly, fuse
from stereo.guided import right_noise
from stereo.options import preset
from stereo.stages import pixel_disparity


def random_case(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    height, width = rng.integers(5, 60, 2)
    warped = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    valid = rng.random((height, width)) > 0.05
    return warped, valid, rng.integers(0, 256, (16, 24, 3), dtype=np.uint8)


@given(st.integers(0, 2**31))
@settings(max_examples=25, deadline=None)
def test_pixels_away_from_holes_are_kept_exactly(seed):
    warped, valid, generated = random_case(seed)
    right = fuse(warped, valid, generated)
    padded = np.pad(valid, 1, constant_values=True)
    height, width = valid.shape
    around = [padded[y : y + height, x : x + width] for y in range(3) for x in range(3)]
    kept = np.logical_and.reduce(around)
    assert np.array_equal(right[kept], warped[kept])


def test_an_offset_of_colour_leaves_no_seam():
    """What was generated too dark by a constant is lifted to its surroundings."""
    ramp = np.tile(np.linspace(40, 200, 64).astype(np.uint8)[None, :, None], (48, 1, 3))
    valid = np.ones((48, 64), bool)
    valid[:, 30:40] = False
    right = fuse(ramp, valid, ramp - 30)
    assert np.abs(right.astype(int) - ramp).max() <= 2


def test_no_hole_and_nothing_but_holes():
    warped, _, generated = random_case(1)
    whole = np.ones(warped.shape[:2], bool)
    assert np.array_equal(fuse(warped, whole, generated), warped)
    assert fuse(np.zeros_like(warped), ~whole, generated).shape == warped.shape


def test_smooth_continuation_stays_within_what_is_known():
    rng = np.random.default_rng(0)
    values = rng.random((33, 47, 2)).astype(np.float32)
    known = rng.random((33, 47)) > 0.9
    filled = continue_smoothly(np.where(known[..., None], values, 0), known)
    assert np.array_equal(filled[known], values[known])
    assert filled.min() >= values[known].min() - 1e-6
    assert filled.max() <= values[known].max() + 1e-6


def test_prefilled_holes_take_their_surroundings():
    picture = np.full((64, 96, 3), 120, np.uint8)
    valid = np.ones((64, 96), bool)
    valid[20:40, 50:60] = False
    filled = prefill(np.where(valid[..., None], picture, 0), valid, (48, 32))
    assert filled.shape == (32, 48, 3)
    assert np.abs(filled.astype(int) - 120).max() <= 2


def test_a_cell_with_any_hole_is_not_known():
    valid = np.ones((32, 32), bool)
    valid[9, 17] = False
    known = known_cells(valid, (4, 4))[0, 0]
    assert known.sum() == 15
    assert not known[1, 2]


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
    assert pixel_disparity(near, relative).flatten().tolist() == [-1, 0, 1, -0.5]
    metric = preset("best", metric_disparity=True)
    assert pixel_disparity(near, metric).flatten().tolist() == [0, 2, 4, 1]
    held = preset("best", metric_disparity=True, convergence=1.0)
    assert pixel_disparity(near, held).flatten().tolist() == [-4, -2, 0, -3]
