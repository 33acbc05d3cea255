"""Background stretch: every hole repeats the pixel beside it on the background's side."""

from stereo.evaluation.methods.task import Rendering, Task
from stereo.pixels.holes import stretch_background


def background_stretch(task: Task) -> Rendering:
    """Warp the left view and repeat the background into the holes."""
    right, valid = task.warped()
    return Rendering(stretch_background(right, valid), valid)
