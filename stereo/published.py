"""What the preset `original` does as the published scripts do, from the loaded picture on.

Their shift, masks and schedule are options of the method (`stereo.options`).
"""

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from torch import Tensor

from stereo.images import PublishedFit, published_square_fit, published_stretched_fit
from stereo.method.denoise import Denoiser
from stereo.method.published_noise import PublishedNoise
from stereo.method.schedule import shift_steps
from stereo.options import SamplingOptions, StereoOptions

if TYPE_CHECKING:
    from stereo.runtime.models import Task

LEAST_RANGE = 1e-5


def published_fit(size_px: tuple[int, int], task: "Task", *, side_px: int) -> PublishedFit:
    """Plan how a picture (width, height) becomes a square of the model's own side."""
    plan = published_stretched_fit if task == "depth" else published_square_fit
    return plan(*size_px, size_px=side_px)


def depth_feeding(
    options: StereoOptions, task: "Task"
) -> Literal["dpt", "published", "published-photo"]:
    """Return how the depth network is fed; for the depth workflow as it was trained, always."""
    if not options.published_bookkeeping or task == "depth":
        return "dpt"
    return "published-photo" if task == "image" else "published"


def with_all_passes(options: StereoOptions, sampling: SamplingOptions) -> StereoOptions:
    """Return options that run each published pass where eta gives every one noise of its own."""
    if options.published_bookkeeping and sampling.eta:
        return replace(options, schedule="published")
    return options


def published_noise(
    run: Denoiser,
    size: tuple[int, int],
    sampling: SamplingOptions,
    options: StereoOptions,
    task: "Task",
) -> PublishedNoise:
    """Return the noise of a run with latents of (h, w).

    A prompt's run denoises one view first. The depth workflow encodes its picture, for nothing but
    its size, and draws from the posterior on the CPU, whatever the device. A photo's run, which
    the published script does not seed, needs noise for its holes only.
    """
    model = run.sampler.model
    start_at = int(task == "depth" and model.device.type == "cpu")
    alone = {"text": 1 + run.total, "depth": start_at + 1, "image": 0}[task]
    return PublishedNoise(
        sampling.seed,
        (sampling.samples, model.channels, *size),
        model.device,
        start_at,
        alone,
        shift_steps(run.total, options).shift,
        options.deblur,
    )


def published_pictures(left: Tensor, right: Tensor, task: "Task") -> tuple[np.ndarray, np.ndarray]:
    """Turn views (n, 3, H, W), about [-1, 1], into (n, H, W, 3) uint8 as the scripts save them.

    Photos are truncated. The others are stretched to the full range between the least and the
    largest value of the whole run, and rounded.
    """
    views = (torch.cat([left, right]).float() / 2 + 0.5).clamp(0, 1)
    if task == "image":
        levels = views * 255
    else:
        low, high = views.min(), views.max()
        levels = (views - low) / (high - low).clamp(min=LEAST_RANGE) * 255 + 0.5
    pixels = levels.clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
    first, second = np.split(pixels, 2)
    return first, second
