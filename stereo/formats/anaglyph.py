"""Anaglyphs: both views in one picture for coloured glasses, the left eye's filter first.

Each kind is a pair of 3x3 matrices; picture = left @ L.T + right @ R.T, clipped to [0, 255].
"""

from dataclasses import dataclass

import numpy as np

GREY = (0.299, 0.587, 0.114)
NONE = (0.0, 0.0, 0.0)
RED, GREEN, BLUE = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)
AMBER_BLUE_GREY = (0.15, 0.15, 0.70)


@dataclass(frozen=True)
class Filters:
    """What each eye's view gives to the red, green and blue of the anaglyph."""

    left: tuple[tuple[float, float, float], ...]
    right: tuple[tuple[float, float, float], ...]


RED_CYAN = Filters((RED, NONE, NONE), (NONE, GREEN, BLUE))
RED_CYAN_HALF = Filters((GREY, NONE, NONE), (NONE, GREEN, BLUE))
RED_CYAN_GREY = Filters((GREY, NONE, NONE), (NONE, GREY, GREY))
GREEN_MAGENTA = Filters((NONE, GREEN, NONE), (RED, NONE, BLUE))
AMBER_BLUE = Filters((RED, GREEN, NONE), (NONE, NONE, AMBER_BLUE_GREY))
# Least squares in CIE XYZ for red-cyan glasses on an LCD (E. Dubois, ICASSP 2001).
RED_CYAN_DUBOIS = Filters(
    ((0.456, 0.500, 0.176), (-0.040, -0.038, -0.016), (-0.015, -0.021, -0.005)),
    ((-0.043, -0.088, -0.002), (0.378, 0.734, -0.018), (-0.072, -0.113, 1.226)),
)


def anaglyph(left: np.ndarray, right: np.ndarray, filters: Filters) -> np.ndarray:
    """Mix views (H, W, 3) uint8 into one anaglyph (H, W, 3) uint8."""
    through_left = left.astype(np.float32) @ np.asarray(filters.left, np.float32).T
    through_right = right.astype(np.float32) @ np.asarray(filters.right, np.float32).T
    return np.rint(through_left + through_right).clip(0, 255).astype(np.uint8)
