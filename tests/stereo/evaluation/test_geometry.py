"""Matching of pairs, and errors of disparity, by hand."""

import numpy as np
import pytest

from stereo.evaluation.geometry import end_point_error, fill_rows, sgbm_disparity, share_off

NAN = np.nan


def test_errors_of_disparity_by_hand() -> None:
    target = np.array([[1.0, 2.0, NAN, 10.0]])
    output = np.array([[1.0, 4.0, 5.0, 20.0]])
    assert end_point_error(output, target) == pytest.approx(4)
    assert share_off(output, target) == pytest.approx(1 / 3)
    mask = np.array([[True, True, True, False]])
    assert end_point_error(output, target, mask) == pytest.approx(1)
    assert np.isnan(share_off(output, target, ~np.isfinite(target)))


def test_fill_rows_takes_the_farther_side() -> None:
    disparity = np.array([[NAN, 3, NAN, 1, NAN], [NAN] * 5, [2, NAN, NAN, NAN, 5]], np.float32)
    expected = [[3, 3, 1, 1, 1], [3, 3, 1, 1, 1], [2, 2, 2, 2, 5]]
    np.testing.assert_array_equal(fill_rows(disparity), expected)
    with pytest.raises(ValueError, match="no known pixel"):
        fill_rows(np.full((2, 2), NAN))


@pytest.mark.parametrize("shift", [0, 5, 20])
def test_sgbm_finds_a_plain_shift(shift: int) -> None:
    wide = np.random.default_rng(0).integers(0, 256, (64, 160, 3), dtype=np.uint8)
    left, right = wide[:, :128], wide[:, shift : shift + 128]
    found = sgbm_disparity(left, right, largest_px=24)
    inner = found[8:-8, 32:-8]
    assert np.nanmedian(inner) == shift
    assert np.isfinite(inner).mean() > 0.9
