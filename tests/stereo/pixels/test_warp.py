"""The warp by disparity: hand cases, order in depth, fractions of a pixel."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stereo.pixels.warp import right_disparity, seen_from_right, warp_right, warp_with_disparity


def ramp(height: int = 4, width: int = 32) -> np.ndarray:
    columns = np.arange(width, dtype=np.float32)
    return np.repeat(np.repeat(columns[None, :, None], height, 0), 3, 2)


@settings(max_examples=20)
@given(st.integers(0, 12), st.integers(1, 3))
def test_whole_shifts_move_pixels_unchanged(shift: int, oversampling: int) -> None:
    left = np.random.default_rng(shift).integers(0, 256, (6, 40, 3), dtype=np.uint8)
    disparity = np.full((6, 40), shift, np.float32)
    right, valid = warp_right(left, disparity, oversampling=oversampling)
    np.testing.assert_array_equal(right[:, : 40 - shift], left[:, shift:])
    assert valid[:, : 40 - shift].all() and not valid[:, 40 - shift :].any()


@settings(max_examples=20)
@given(st.floats(0, 9.75), st.sampled_from([1, 2, 4]))
def test_fractions_are_exact_on_a_ramp(shift: float, oversampling: int) -> None:
    disparity = np.full((4, 32), shift, np.float32)
    right, valid = warp_right(ramp(), disparity, oversampling=oversampling)
    inner = valid.copy()
    inner[:, :2] = inner[:, 21:] = False
    expected = np.arange(32) + shift
    errors = np.abs(right[..., 0] - expected)[inner]
    assert errors.size and errors.max() < 2e-3


def test_slanted_surface_has_no_cracks() -> None:
    disparity = np.tile(np.linspace(12, 0, 64, dtype=np.float32), (3, 1))
    right, valid = warp_right(ramp(3, 64), disparity)
    assert valid[:, :63].all()
    own = right_disparity(disparity)
    expected = np.arange(64) + own
    np.testing.assert_allclose(right[:, 4:60, 0], expected[:, 4:60], atol=0.05)


def test_nearer_wins_and_uncovers() -> None:
    disparity = np.zeros((2, 32), np.float32)
    disparity[:, 12:18] = 5
    left = np.full((2, 32, 3), 50, np.uint8)
    left[:, 12:18] = 200
    right, valid = warp_right(left, disparity)
    assert (right[:, 7:13] == 200).all()
    np.testing.assert_array_equal(np.flatnonzero(~valid[0]), range(13, 18))
    assert (right[:, 13:18] == 0).all() and (right[:, :7] == 50).all()
    hidden = ~seen_from_right(disparity)
    np.testing.assert_array_equal(np.flatnonzero(hidden[0]), range(7, 12))


def test_order_of_rows_and_blocks_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(5)
    left = rng.integers(0, 256, (9, 33, 3), dtype=np.uint8)
    disparity = rng.uniform(0, 8, (9, 33)).astype(np.float32)
    whole = warp_right(left, disparity)
    monkeypatch.setattr("stereo.pixels.warp.SAMPLES_AT_ONCE", 100)
    for a, b in zip(whole, warp_right(left, disparity), strict=True):
        np.testing.assert_array_equal(a, b)
    row = warp_right(left[4:5], disparity[4:5])
    np.testing.assert_array_equal(row[0][0], whole[0][4])


def test_bad_disparity_is_refused() -> None:
    left = np.zeros((4, 8, 3), np.uint8)
    with pytest.raises(ValueError, match="disparity_px: got shape"):
        warp_right(left, np.zeros((4, 9), np.float32))
    with pytest.raises(ValueError, match="NaN"):
        warp_right(left, np.full((4, 8), np.nan, np.float32))


@pytest.mark.parametrize("eye", ["left", "right"])
def test_the_new_view_comes_with_its_own_disparity(eye) -> None:
    disparity = np.zeros((2, 32), np.float32)
    disparity[:, 12:18] = 5
    view, valid, own = warp_with_disparity(np.full((2, 32, 3), 50, np.uint8), disparity, eye=eye)
    near = slice(7, 13) if eye == "right" else slice(17, 23)
    expected = np.zeros((2, 32))
    expected[:, near] = 5
    np.testing.assert_array_equal(own, expected)
    assert not own[~valid].any() and (view[valid] == 50).all()
