"""Copy left: the left view is the right view."""

import numpy as np

from stereo.evaluation.methods.task import Rendering, Task


def copy_left(task: Task) -> Rendering:
    """Return the left view as it is."""
    return Rendering(task.left, np.ones(task.left.shape[:2], bool))
