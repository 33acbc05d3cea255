"""Measures by hand."""

import numpy as np
import pytest

from shapes.report.measures import rank_correlation


def test_rank_correlation_by_hand():
    a = np.array([1.0, 2.0, 3.0, 4.0])
    assert rank_correlation(a, np.array([10.0, 20.0, 21.0, 1e6])) == pytest.approx(1)
    assert rank_correlation(a, -a) == pytest.approx(-1)
    assert rank_correlation(a, np.array([1.0, 3.0, 2.0, 4.0])) == pytest.approx(0.8)
    # Ties share their mean rank: ranks (1, 2.5, 2.5, 4) against (1, 2, 3, 4).
    assert rank_correlation(a, np.array([1.0, 2.0, 2.0, 3.0])) == pytest.approx(0.9486833)
