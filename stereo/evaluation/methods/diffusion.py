"""StereoDiffusion by a preset's options: a given picture and disparity in, the right view out."""

from dataclasses import asdict, replace
from functools import partial

import numpy as np

from stereo.evaluation.methods.generation import Models
from stereo.evaluation.methods.task import Render, Rendering, Task
from stereo.images import Fit
from stereo.options import StereoOptions


def diffusion_method(options: StereoOptions, models: Models) -> Render:
    """Return image-to-stereo with the given options as a method."""
    return partial(render, options=options, models=models)


def render(task: Task, *, options: StereoOptions, models: Models) -> Rendering:
    """Make the right view, at the task's size."""
    from stereo.options import NullTextOptions
    from stereo.pipelines import image_to_stereo
    from stereo.pixels.codec import whole_fit

    generation, model = models.generation, models.diffusion
    left, near, sampling = task.left, task.disparity_px, generation.sampling()
    if not options.fusion:
        # The model's own size, without the workflow's crop: metrics compare whole views.
        frame = whole_fit(model, left.shape[1::-1], sampling)
        sampling = replace(sampling, width_px=frame.size_px[0], height_px=frame.size_px[1])
        near = frame.map(near) * np.float32(frame.size_px[0] / left.shape[1])
        left = frame.image(left)
    near, scaled = metric(near, options, cell_px=model.downsample_factor)
    (pair,) = image_to_stereo(
        model,
        None,
        left,
        options=scaled,
        sampling=sampling,
        prompt=task.prompt if generation.prompted else "",
        null_text=NullTextOptions(
            inner_steps=generation.inner_steps,
            scale_with_steps=not options.published_bookkeeping,
        ),
        disparity=near,
    )
    right, valid = at_size(pair.right, pair.valid, task.left.shape[:2])
    return Rendering(right, valid, pair.settings)


def metric(
    disparity_px: np.ndarray, options: StereoOptions, *, cell_px: int
) -> tuple[np.ndarray, StereoOptions]:
    """Return a map and options whose largest shift is the given disparity's, in true pixels.

    Fusion takes pixels as they are. Else the method scales every map from its own minimum, which
    loses the shift of the farthest plane; a corner of one latent cell, `cell_px` of the map, is
    therefore set to zero disparity. A scale of 0 stays 0.
    """
    if options.fusion:
        return disparity_px, replace(options, metric_disparity=True)
    largest = float(disparity_px.max())
    if not options.scale_percent or largest <= 0:
        return disparity_px, options
    anchored = disparity_px.clip(min=0)
    anchored[:cell_px, :cell_px] = 0
    return anchored, replace(options, scale_percent=min(100 * largest / anchored.shape[1], 50))


def at_size(
    right: np.ndarray, valid: np.ndarray, size: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Resize a view (h, w, 3) and its mask (h, w) to (H, W)."""
    height, width = right.shape[:2]
    fit = Fit((0, 0, width, height), (size[1], size[0]))
    return fit.image(right), fit.map(valid.astype(np.float32)) >= 0.5


def differences(options: StereoOptions, changes: dict[str, object]) -> dict[str, object]:
    """Return those changes that the options have a field for and do not fulfil already."""
    values = asdict(options)
    return {key: new for key, new in changes.items() if key in values and values[key] != new}
