"""Fusion: kept pixels, seamless holes; and guided denoising's noise."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from stereo.depth.parallax import disparity_pixels
from stereo.options import preset
from stereo.pixels.holes import fill_holes, fuse
from stereo.pixels.inpaint import Guide, right_noise, trust
from stereo.pixels.right_view import known_cells
from stereo.pixels.warp import warp_with_disparity


def random_case(seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    height, width = rng.integers(5, 60, 2)
    warped = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    return warped, rng.random((height, width)) > 0.05


FAR_PX, NEAR_PX = 2.0, 14.0


def fill_flat(warped: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """Fill holes that no object made."""
    return fill_holes(warped, valid, np.zeros(valid.shape, np.float32))[0]


def behind_an_object(background: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Put a dark near object before a view (64, 96, 3): columns 40 to 51 come into sight."""
    picture, columns = background.copy(), np.arange(96)
    picture[:, :40] = 20
    valid = np.tile((columns < 40) | (columns >= 52), (64, 1))
    picture[~valid] = 0
    return picture, valid, np.tile(np.where(columns < 40, NEAR_PX, FAR_PX), (64, 1))


@given(st.integers(0, 2**31))
@settings(max_examples=25)
def test_warped_pixels_are_kept_exactly(seed):
    warped, valid = random_case(seed)
    change = 255 * torch.randn(3, 16, 24, generator=torch.Generator().manual_seed(seed))
    right = fuse(fill_flat(warped, valid), valid, change)
    assert np.array_equal(right[valid], warped[valid])


@given(st.integers(0, 2**31))
@settings(max_examples=25)
def test_without_a_change_the_filling_stands(seed):
    warped, valid = random_case(seed)
    filled = fill_flat(warped, valid)
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
    assert np.array_equal(fuse(fill_flat(warped, whole), whole, torch.ones(3, 8, 8)), warped)
    assert fill_flat(np.zeros_like(warped), ~whole).shape == warped.shape


def test_no_colour_of_the_object_enters_the_hole_behind_it():
    """The right eye sees more to the right of a near object, whose rim is no background."""
    warped, valid, disparity_px = behind_an_object(np.full((64, 96, 3), 200, np.uint8))
    warped[:, 52] = 90  # half object, half background, where the map puts the background
    filled, kept = fill_holes(warped, valid, disparity_px)
    assert (filled[:, 40:] == 200).all() and (filled[:, :40] == 20).all()
    assert np.array_equal(np.flatnonzero(~kept[0]), range(40, 53))
    mirrored = [values[:, ::-1] for values in (warped, valid, disparity_px)]
    for values, other in zip((filled, kept), fill_holes(*mirrored, eye="left"), strict=True):
        assert np.array_equal(values, other[:, ::-1])


def test_the_background_may_lie_to_the_left():
    """Beside a hole that two objects make, the farther one is continued, wherever it lies."""
    warped, valid, _ = behind_an_object(np.full((64, 96, 3), 200, np.uint8))
    disparity_px = np.tile(np.where(np.arange(96) < 40, FAR_PX, NEAR_PX), (64, 1))
    assert (fill_holes(warped, valid, disparity_px)[0][~valid] == 20).all()


def test_rows_leave_no_streaks():
    """Far from the border neighbouring rows are alike, whatever noise the border carries."""
    noise = np.random.default_rng(0).integers(60, 200, (64, 96, 3), dtype=np.uint8)
    warped, valid, disparity_px = behind_an_object(noise)
    hole = fill_holes(warped, valid, disparity_px)[0][:, 40:52].astype(float)
    row_means = hole.mean(axis=1)
    assert row_means.std() < 0.4 * noise[:, 53:65].astype(float)[:, :1].std()
    assert np.abs(np.diff(hole, axis=1)).mean() > 8, "its texture goes on"


def test_objects_are_not_mirrored():
    """A bright post near a hole stays one post."""
    background = np.full((64, 96, 3), 100, np.uint8)
    background[:, 58:66] = 250
    warped, valid, disparity_px = behind_an_object(background)
    hole = fill_holes(warped, valid, disparity_px)[0][:, 40:52].astype(int)
    assert hole.max() < 175


def test_a_picture_of_one_colour_stays_one():
    plain = np.full((40, 60, 3), 77, np.uint8)
    valid = np.ones((40, 60), bool)
    valid[5:30, 10:45] = False  # wider than half of it
    assert (fill_flat(plain * valid[..., None], valid) == 77).all()


@given(st.integers(0, 2**31), st.integers(1, 40), st.integers(1, 40))
@settings(max_examples=40, deadline=None)
def test_a_map_that_does_not_fit_the_picture_gives_a_view_all_the_same(seed, height, width):
    """Edges elsewhere than the picture's, of any size: what was warped stays."""
    rng = np.random.default_rng(seed)
    picture = rng.integers(1, 256, (height, width, 3), dtype=np.uint8)
    steps_px = rng.integers(0, 1 + width // 2, (1 + height // 5, 1 + width // 5))
    disparity_px = np.kron(steps_px, np.ones((5, 5)))[:height, :width].astype(np.float32)
    warped, valid, own_px = warp_with_disparity(picture, disparity_px)
    filled, kept = fill_holes(warped, valid, own_px)
    assert filled.shape == picture.shape and filled.dtype == np.uint8
    assert valid[kept].all() and np.array_equal(filled[kept], warped[kept])


def test_steps_of_a_map_in_few_levels_are_no_occlusion():
    """The slivers that they leave on a curved surface take the surface's colour."""
    columns = np.arange(2048)
    picture = np.where((columns < 1200)[:, None], 220, 30) * np.ones((8, 1, 3))
    steps_px = np.floor((1200 - columns) / 60) * 4 + 40
    disparity_px = np.tile(np.where(columns < 1200, steps_px, 0), (8, 1)).astype(np.float32)
    warped, valid, own_px = warp_with_disparity(picture.astype(np.uint8), disparity_px)
    slivers = ~valid[:, :1100]
    assert slivers.sum() > 100
    assert (fill_holes(warped, valid, own_px)[0][:, :1100][slivers] == 220).all()


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
