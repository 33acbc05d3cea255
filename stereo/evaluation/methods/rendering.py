"""The input and the output of a method."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from stereo.pixels.warp import warp_right


@dataclass(frozen=True)
class RenderingTask:
    """A left view (H, W, 3) uint8 with its disparity (H, W) float32 in px, and a description."""

    name: str
    left: np.ndarray
    disparity_px: np.ndarray
    prompt: str = ""

    def warp(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the warped right view, zeros in holes, and its valid mask (H, W)."""
        return warp_right(self.left, self.disparity_px)


@dataclass(frozen=True)
class Rendering:
    """A right view (H, W, 3) uint8; `valid` (H, W) bool tells what comes from the left view."""

    right: np.ndarray
    valid: np.ndarray
    settings: dict[str, Any] = field(default_factory=dict)


Render = Callable[[RenderingTask], Rendering]
