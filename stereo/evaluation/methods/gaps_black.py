"""Gaps black: the warp alone."""

from stereo.evaluation.methods.task import Rendering, Task


def gaps_black(task: Task) -> Rendering:
    """Warp the left view and leave holes black."""
    return Rendering(*task.warped())
