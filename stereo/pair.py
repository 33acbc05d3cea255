"""The result of every workflow: a stereo pair with what it was made from."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True)
class StereoPair:
    """A left and a right view, left first.

    Attributes:
        left: (H, W, 3) uint8.
        right: (H, W, 3) uint8.
        disparity: (H, W) float32 in [0, 1] of the left view, near = 1.
        valid: (H, W) bool of the right view, or of the left one where the settings' `eye` is
            `left`: True where the shift delivered a value.
        settings: everything needed to make the pair again, JSON-able.
        right_disparity: (H, W) float32, as `disparity`, of the right view, where the left one was
            made out of it; None where it follows from the left view's.
    """

    left: np.ndarray
    right: np.ndarray
    disparity: np.ndarray
    valid: np.ndarray
    settings: dict[str, Any] = field(default_factory=dict)
    right_disparity: np.ndarray | None = None
