"""Navier-Stokes: holes are inpainted by OpenCV (Bertalmio et al. 2001, fluid dynamics)."""

import cv2
import numpy as np

from stereo.evaluation.methods.task import Rendering, Task

RADIUS_PX = 3


def navier_stokes(task: Task) -> Rendering:
    """Warp the left view and inpaint the holes."""
    right, valid = task.warped()
    holes = (~valid).astype(np.uint8)
    return Rendering(cv2.inpaint(right, holes, RADIUS_PX, cv2.INPAINT_NS), valid)
