"""Background stretch: every hole repeats the pixel beside it on the background's side."""

import numpy as np

from stereo.evaluation.methods.task import Rendering, Task


def background_stretch(task: Task) -> Rendering:
    """Warp the left view and repeat the background into the holes."""
    right, valid = task.warped()
    return Rendering(stretch_background(right, valid), valid)


def stretch_background(right: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """Fill holes (False in `valid`, (H, W)) of a right view (H, W, 3) from their right side.

    What the right eye sees more of lies to the right of what covers it, so the right side of a
    hole is background. Holes at the right rim take their left side. Empty rows stay.
    """
    width = valid.shape[1]
    columns = np.arange(width)
    before = np.maximum.accumulate(np.where(valid, columns, -1), axis=1)
    after = np.minimum.accumulate(np.where(valid, columns, width)[:, ::-1], axis=1)[:, ::-1]
    source = np.where(after < width, after, before).clip(0)
    return np.take_along_axis(right, source[..., None], axis=1)
