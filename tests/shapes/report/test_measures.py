"""Measures of depth maps, by hand."""

import math

import numpy as np
import pytest

from shapes.report.measures import edge_precision, partial_rank_correlation, rank_correlation
from shapes.report.network_figures import compare, real_lines


def test_rank_correlation_by_hand() -> None:
    a = np.array([1.0, 2.0, 3.0, 4.0])
    assert rank_correlation(a, np.array([10.0, 20.0, 21.0, 1e6])) == pytest.approx(1)
    assert rank_correlation(a, -a) == pytest.approx(-1)
    assert rank_correlation(a, np.array([1.0, 3.0, 2.0, 4.0])) == pytest.approx(0.8)
    # Ties share their mean rank: ranks (1, 2.5, 2.5, 4) against (1, 2, 3, 4).
    assert rank_correlation(a, np.array([1.0, 2.0, 2.0, 3.0])) == pytest.approx(0.9486833)


def test_what_the_row_explains_is_taken_away() -> None:
    rng = np.random.default_rng(0)
    row, own = rng.standard_normal((2, 20000))
    truth = row + own
    assert rank_correlation(row, truth) > 0.6
    assert abs(partial_rank_correlation(row + rng.standard_normal(20000), truth, row)) < 0.03
    assert partial_rank_correlation(own, truth, row) > 0.95
    assert partial_rank_correlation(row, truth, row) == pytest.approx(0, abs=1e-6)


def step(column: int, height: float = 1.0) -> np.ndarray:
    """Return a map (64, 128) with an edge."""
    return np.where(np.arange(128) < column, 0.0, height) + np.zeros((64, 1))


def test_edges_are_true_where_the_truth_has_one() -> None:
    true = step(64)
    assert edge_precision(step(64, 7.0), true) == 1  # in any unit
    assert edge_precision(step(65), true) == 1
    assert edge_precision(step(20), true) == 0
    assert 0.4 < edge_precision(step(20) + step(64), true) < 0.6
    assert math.isnan(edge_precision(np.linspace(0, 1, 128) + np.zeros((64, 1)), true))


def test_where_the_truth_is_unknown_no_edge_is_counted() -> None:
    true = step(64)
    true[:, :40] = np.nan
    assert edge_precision(step(20) + step(64), true) == 1


def test_lines_hold_the_row_number_against_the_network() -> None:
    rows = np.arange(64.0)[:, None] + np.zeros((64, 128))
    true = rows + 80 * step(64)
    better, ramp = (compare("Middlebury", map_, true) for map_ in (true**2, rows))
    assert better.correlation == better.partial == pytest.approx(1)
    assert ramp.correlation == ramp.ramp < 0.9 and ramp.partial == pytest.approx(0, abs=1e-6)
    lines = real_lines("Middlebury", [better, ramp], [0.5])
    assert [line.value for line in lines[1:3]] == [0.5, pytest.approx(0.5)]
    assert f"the row number alone {ramp.ramp:.3f}" in lines[0].note
    assert all("the network of" in line.note for line in lines)
