"""Telea: holes are inpainted by OpenCV (Telea 2004, fast marching)."""

import cv2
import numpy as np

from stereo.evaluation.methods.task import Rendering, Task

RADIUS_PX = 3


def telea(task: Task) -> Rendering:
    """Warp the left view and inpaint the holes."""
    right, valid = task.warped()
    holes = (~valid).astype(np.uint8)
    return Rendering(cv2.inpaint(right, holes, RADIUS_PX, cv2.INPAINT_TELEA), valid)
