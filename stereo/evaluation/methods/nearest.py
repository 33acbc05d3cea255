"""Nearest fill: every hole takes the colour of the nearest pixel that the warp reached."""

import cv2
import numpy as np

from stereo.evaluation.methods.task import Rendering, Task


def nearest_fill(task: Task) -> Rendering:
    """Warp the left view and fill holes from their nearest pixels."""
    right, valid = task.warped()
    return Rendering(fill_nearest(right, valid), valid)


def fill_nearest(right: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """Fill holes (False in `valid`, (H, W)) of a view (H, W, 3)."""
    if not valid.any():
        return right
    holes = (~valid).astype(np.uint8)
    labels = cv2.distanceTransformWithLabels(
        holes, cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )[1]
    colours = np.zeros((labels.max() + 1, right.shape[2]), right.dtype)
    colours[labels[valid]] = right[valid]
    return colours[labels]
