"""Classical methods: one warp of the left view, whose holes are filled in different ways."""

from collections.abc import Callable

import cv2
import numpy as np

from stereo.evaluation.methods.rendering import Render, Rendering, RenderingTask
from stereo.pixels.holes import stretch_background

INPAINT_RADIUS_PX = 3
# Fills holes (False in `valid`, (H, W)) of a right view (H, W, 3).
Fill = Callable[[np.ndarray, np.ndarray], np.ndarray]


def copy_left(task: RenderingTask) -> Rendering:
    """Return the left view as the right one."""
    return Rendering(task.left, np.ones(task.left.shape[:2], bool))


def warp_and_fill(fill: Fill) -> Render:
    """Return the method that warps the left view and fills its holes by `fill`."""

    def render(task: RenderingTask) -> Rendering:
        right, valid = task.warp()
        return Rendering(fill(right, valid), valid)

    return render


def leave_black(right: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """Leave holes as the warp leaves them."""
    return right


def fill_nearest(right: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """Give every hole pixel the colour of the nearest pixel that the warp reached."""
    if not valid.any():
        return right
    labels = cv2.distanceTransformWithLabels(
        (~valid).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )[1]
    colours = np.zeros((labels.max() + 1, right.shape[2]), right.dtype)
    colours[labels[valid]] = right[valid]
    return colours[labels]


def inpaint(algorithm: int) -> Fill:
    """Return OpenCV's inpainting by one of its algorithms."""
    return lambda right, valid: cv2.inpaint(
        right, (~valid).astype(np.uint8), INPAINT_RADIUS_PX, algorithm
    )


CLASSICAL: dict[str, Render] = {
    "copy-left": copy_left,
    "gaps-black": warp_and_fill(leave_black),
    "background-stretch": warp_and_fill(stretch_background),
    "nearest-fill": warp_and_fill(fill_nearest),
    "telea": warp_and_fill(inpaint(cv2.INPAINT_TELEA)),  # Telea 2004, fast marching
    "navier-stokes": warp_and_fill(inpaint(cv2.INPAINT_NS)),  # Bertalmio et al. 2001
}
