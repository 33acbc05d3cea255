"""The size a model works at: chosen, the model's own, or the photo's proportions at that size."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from stereo.depth.disparity import check_disparity, check_proportions, predict_disparity
from stereo.images import Fit, covering_fit, multiple_fit
from stereo.options import SIZE_MULTIPLE_PX, SamplingOptions, StereoOptions
from stereo.published import depth_feeding, published_fit

if TYPE_CHECKING:
    from dpt.models import DPTDepthModel
    from ldm.models.diffusion.ddpm import LatentDiffusion
    from stereo.runtime.models import Task


def model_side_px(model: "LatentDiffusion") -> int:
    """Return the side of the square pictures that a model was made for."""
    return model.image_size * model.downsample_factor


def picture_size(model: "LatentDiffusion", sampling: SamplingOptions) -> tuple[int, int]:
    """Return (height, width) in pixels of a picture made from a prompt."""
    side = model_side_px(model)
    return sampling.height_px or side, sampling.width_px or side


def fit_to_model(
    model: "LatentDiffusion",
    image: np.ndarray,
    sampling: SamplingOptions,
    options: StereoOptions,
    task: "Task" = "image",
) -> Fit:
    """Plan how an image (H, W, 3) is cropped and resized for the model.

    Without a chosen size its proportions are kept, with the model's own side as the short one;
    the published code, which knows one size, makes a square of it.
    """
    height, width = image.shape[:2]
    if options.fusion:
        # The picture itself is only warped, so all of it has to be covered.
        return whole_fit(model, (width, height), sampling)
    side, chosen = model_side_px(model), picture_size(model, sampling)
    if options.published_bookkeeping and chosen == (side, side):
        return published_fit((width, height), task, side_px=side)
    if sampling.height_px or sampling.width_px:
        return covering_fit(width, height, size_px=chosen[::-1])
    return multiple_fit(width, height, size_px=side, multiple=SIZE_MULTIPLE_PX)


def whole_fit(model: "LatentDiffusion", size_px: tuple[int, int], sampling: SamplingOptions) -> Fit:
    """Plan how a whole picture (width, height) is resized for the model, a little stretched."""
    if sampling.height_px or sampling.width_px:
        fitted = picture_size(model, sampling)[::-1]
    else:
        fitted = multiple_fit(
            *size_px, size_px=model_side_px(model), multiple=SIZE_MULTIPLE_PX
        ).size_px
    return Fit((0, 0, *size_px), fitted)


def check_map(
    disparity: np.ndarray | None,
    options: StereoOptions,
    *,
    size_px: tuple[int, int] | None = None,
) -> None:
    """Refuse a user's map that says nothing or has other proportions than `size_px` (w, h).

    Raises:
        ValueError: when it is empty, not finite, constant though not in pixels, or stretched.
    """
    if disparity is None:
        return
    check_disparity(disparity, may_be_flat=options.metric_disparity)
    if size_px is not None:
        check_proportions(disparity, size_px)


def check_depth_model(depth_model: object, disparities: Sequence[np.ndarray | None]) -> None:
    """Refuse to begin where nothing gives the disparity.

    Raises:
        ValueError: when there is no depth model, and a map is missing.
    """
    if depth_model is None and any(disparity is None for disparity in disparities):
        raise ValueError("depth_model: got None without a disparity, expected one of the two")


def fit_map(
    frame: Fit, disparity: np.ndarray, image: np.ndarray, options: StereoOptions
) -> np.ndarray:
    """Crop and resize a user's disparity (H, W) exactly as its image (H, W, 3).

    One in pixels of the image comes out in pixels of the resized one.
    """
    if disparity.shape != image.shape[:2]:
        raise ValueError(
            f"disparity: got {disparity.shape[1]}x{disparity.shape[0]} px, expected the image's "
            f"{image.shape[1]}x{image.shape[0]}"
        )
    left, _, right, _ = frame.crop_px
    enlarged = frame.size_px[0] / (right - left) if options.metric_disparity else 1.0
    return frame.map(disparity * np.float32(enlarged))


def photo_disparity(
    depth_model: "DPTDepthModel",
    image: np.ndarray,
    frame: Fit,
    given: np.ndarray | None,
    options: StereoOptions,
) -> np.ndarray:
    """Return a photo's disparity, for fusion at its own size, else at the model's."""
    whole = Fit((0, 0, image.shape[1], image.shape[0]), (image.shape[1], image.shape[0]))
    wanted = whole if options.fusion else frame
    if given is not None:
        return fit_map(wanted, given, image, options)
    preprocessing = depth_feeding(options, "image")
    return predict_disparity(depth_model, wanted.image(image), preprocessing=preprocessing)
