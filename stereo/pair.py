"""The result of every workflow: a stereo pair with what it was made from."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import import_module
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

# In notebooks pairs are no wider.
SHOWN_PX = 1024


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

    def __repr__(self) -> str:
        height, width = self.left.shape[:2]
        named = {"task": "", "preset": "by ", "scale_percent": "shift ", "seed": "seed "}
        values = {key: self.settings[key] for key in named if key in self.settings}
        known = [
            f"{named[key]}{round(value, 2) if isinstance(value, float) else value}"
            for key, value in values.items()
        ]
        return f"StereoPair({', '.join([f'{width}x{height} px', *known])})"

    def _repr_png_(self) -> bytes:
        """Return both views side by side for notebooks, left view left."""
        both = Image.fromarray(np.hstack([self.left, self.right]))
        both.thumbnail((SHOWN_PX, SHOWN_PX))
        file = BytesIO()
        both.save(file, "PNG")
        return file.getvalue()

    def save(
        self, folder: str | Path, *, prefix: str = "", formats: Sequence[str] | None = None
    ) -> list[Path]:
        """Write the pair as `stereo.save_pair` does, which see; returns the files' paths."""
        # Formats know pairs, so pairs look them up when they are asked, as `stereo` does.
        save_pair = import_module("stereo.formats").save_pair
        return save_pair(self, folder, prefix=prefix, **({"formats": formats} if formats else {}))
