"""StereoDiffusion by a preset's options: a picture and its disparity in, the right view out."""

from dataclasses import replace

import numpy as np

from stereo import pipelines
from stereo.evaluation.methods.models import Models
from stereo.evaluation.methods.rendering import Rendering, RenderingTask
from stereo.fit import Fit
from stereo.options import NullTextOptions, StereoOptions
from stereo.pixels.codec import whole_fit


def render(task: RenderingTask, *, options: StereoOptions, models: Models) -> Rendering:
    """Make the right view by image-to-stereo with the given options, at the task's size."""
    generation, model = models.generation, models.diffusion
    left, disparity_px, sampling = task.left, task.disparity_px, generation.sampling()
    if not options.fusion:
        # The model's own size, without the workflow's crop: metrics compare whole views.
        frame = whole_fit(model, left.shape[1::-1], sampling)
        sampling = replace(sampling, width_px=frame.size_px[0], height_px=frame.size_px[1])
        disparity_px = frame.map(disparity_px) * np.float32(frame.size_px[0] / left.shape[1])
        left = frame.image(left)
    disparity_px, options = in_true_pixels(disparity_px, options, cell_px=model.downsample_factor)
    (pair,) = pipelines.image_to_stereo(
        model,
        None,
        left,
        options=options,
        sampling=sampling,
        prompt=task.prompt if generation.prompted else "",
        null_text=NullTextOptions(
            inner_steps=generation.inner_steps,
            scale_with_steps=not options.published_bookkeeping,
        ),
        disparity=disparity_px,
    )
    right, valid = resize_view(pair.right, pair.valid, task.left.shape[:2])
    return Rendering(right, valid, pair.settings)


def in_true_pixels(
    disparity_px: np.ndarray, options: StereoOptions, *, cell_px: int
) -> tuple[np.ndarray, StereoOptions]:
    """Return a map and options whose largest shift is that of the disparity, in pixels.

    The farthest point stays where it is, whatever the preset's convergence: the truth has one.
    Fusion takes pixels as they are. Otherwise the method scales every map from its own minimum,
    which loses the shift of the farthest plane; a corner of one latent cell, `cell_px` of the map,
    is therefore set to zero disparity. A scale of 0 stays 0.
    """
    options = replace(options, convergence=0.0)
    if options.fusion:
        return disparity_px, replace(options, metric_disparity=True)
    largest_px = float(disparity_px.max())
    if not options.scale_percent or largest_px <= 0:
        return disparity_px, options
    anchored = disparity_px.clip(min=0)
    anchored[:cell_px, :cell_px] = 0
    percent = 100 * largest_px / anchored.shape[1]
    return anchored, replace(options, scale_percent=min(percent, 50))


def resize_view(
    right: np.ndarray, valid: np.ndarray, size: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Resize a view (h, w, 3) and its mask (h, w) to (H, W)."""
    height, width = right.shape[:2]
    fit = Fit((0, 0, width, height), (size[1], size[0]))
    return fit.image(right), fit.map(valid.astype(np.float32)) >= 0.5
