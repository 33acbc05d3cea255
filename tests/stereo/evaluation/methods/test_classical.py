"""Fills of the warp's holes."""

import numpy as np

from stereo.evaluation.methods.classical import fill_nearest
from stereo.pixels.holes import stretch_background


def test_fills_by_hand() -> None:
    row = np.array([[[1], [0], [0], [0], [5], [0]]], np.uint8)
    valid = np.array([[True, False, False, False, True, False]])
    assert stretch_background(row, valid)[0, :, 0].tolist() == [1, 5, 5, 5, 5, 5]
    nearest = fill_nearest(row, valid)[0, :, 0].tolist()
    assert nearest[:2] == [1, 1] and nearest[3:] == [5, 5, 5]
