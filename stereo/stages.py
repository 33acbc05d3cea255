"""Parts that the workflows share: prompts, the run, branching into two views, the result."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ldm.models.diffusion.ddim import DDIMSampler
from stereo.depth.parallax import screen_plane
from stereo.method.conditioning import Conditioning, View
from stereo.method.denoise import (
    Denoiser,
    LeftBranch,
    OnStep,
    denoise_apart,
    denoise_joint,
    denoise_right,
)
from stereo.method.latents import hole_noise, seeded_noise
from stereo.method.schedule import LatentShift, ShiftSteps
from stereo.method.shift import normalise
from stereo.options import SamplingOptions, StereoOptions, settings_of
from stereo.pair import StereoPair
from stereo.published import published_noise

if TYPE_CHECKING:
    from ldm.models.diffusion.ddpm import LatentDiffusion
    from stereo.runtime.models import Task

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Views:
    """Finished latents (n, C, h, w) of both views, and where the shift landed (n, 1, h, w)."""

    left: Tensor
    right: Tensor
    valid: Tensor


def prompts(
    model: "LatentDiffusion",
    prompt: str,
    negative_prompt: str,
    sampling: SamplingOptions,
    depth: dict[View, Tensor] | None = None,
) -> Conditioning:
    """Embed a prompt and its negative for all samples.

    Raises:
        ValueError: when no guidance scale has been chosen (see `with_guidance`).
    """
    if sampling.guidance_scale is None:
        raise ValueError("guidance_scale: got None, expected a number, as with_guidance gives")
    context = model.get_learned_conditioning([prompt, negative_prompt]).float()
    positive, negative = (part.repeat(sampling.samples, 1, 1) for part in context.split(1))
    return Conditioning(positive, negative, sampling.guidance_scale, depth)


def make_run(
    model: "LatentDiffusion",
    conditioning: Conditioning,
    sampling: SamplingOptions,
    on_step: OnStep | None = None,
    *,
    wasteful: bool = False,
    counted: bool = False,
) -> Denoiser:
    """Make the schedule; a strength below 1 leaves out its first, noisiest steps.

    Where the steps do not divide the model's 1000, the schedule has more of them than asked for;
    `counted` takes the strength's share of what was asked for, as the published depth script
    does. `wasteful` is the denoiser's.
    """
    sampler = DDIMSampler(model)
    sampler.make_schedule(sampling.steps, ddim_eta=sampling.eta)
    total = int(sampling.strength * (sampling.steps if counted else len(sampler.ddim_timesteps)))
    if total < 1:
        raise ValueError(
            f"strength: got {sampling.strength} of {sampling.steps} steps, which leaves none to run"
        )
    return Denoiser(sampler, conditioning, total, sampling.seed, on_step, wasteful)


def with_noise(
    run: Denoiser,
    size: tuple[int, int],
    sampling: SamplingOptions,
    options: StereoOptions,
    task: "Task",
) -> tuple[Denoiser, Tensor]:
    """Return the run with the noise that it takes later, and its start (n, C, h, w)."""
    model = run.sampler.model
    if not options.published_bookkeeping:
        return run, seeded_noise(sampling.seeds, (model.channels, *size)).to(model.device)
    noise = published_noise(run, size, sampling, options, task)
    return replace(run, published_noise=noise), noise.start().to(model.device)


def branch_off(
    run: Denoiser,
    branch: LeftBranch,
    plan: LatentShift,
    steps: ShiftSteps,
    options: StereoOptions,
    seeds: Sequence[int],
) -> Views:
    """Shift the right view out of a left branch and denoise what is not denoised yet."""
    noise = _hole_noise(run, branch, seeds) if options.deblur else None
    if steps.shift >= run.total:
        # So few steps that none is followed by the shift, as published: two equal views.
        log.warning(
            "both views are equal: the shift comes after step %d, and %d are run",
            steps.shift,
            run.total,
        )
        valid = torch.ones_like(branch.final[:, :1], dtype=torch.bool)
        return Views(branch.final, branch.final, valid)
    if options.is_wasteful:
        return Views(*denoise_apart(run, branch.start, plan, steps, options, noise))
    if options.left_stands_alone and len(branch.latents) == run.total:
        right, valid = denoise_right(
            run, branch, plan, steps, noise, share=options.shared_attention
        )
        return Views(branch.final, right, valid)
    trunk = branch.latents[steps.shift]
    return Views(*denoise_joint(run, trunk, plan, steps, options, noise))


def _hole_noise(run: Denoiser, branch: LeftBranch, seeds: Sequence[int]) -> Tensor:
    if run.published_noise is not None:
        return run.published_noise.holes()
    return hole_noise(seeds, branch.final)


def make_pairs(
    left: np.ndarray,
    right: np.ndarray,
    near: Tensor,
    valid: np.ndarray,
    settings: dict[str, Any],
) -> list[StereoPair]:
    """Pair up views (n, H, W, 3) uint8 with disparity (n, h, w) and valid masks (n, H, W)."""
    disparity = normalise(enlarge_map(near, left.shape[1:3])).cpu().numpy()
    return [
        StereoPair(left[k], right[k], disparity[k], valid[k], {**settings, "sample": k})
        for k in range(len(left))
    ]


def enlarge_map(near: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize disparity (n, h, w) to pictures of (H, W), bilinear."""
    if near.shape[1:] == size:
        return near
    return F.interpolate(near.float().unsqueeze(1), size, mode="bilinear").squeeze(1)


def picture_mask(valid: Tensor, size: tuple[int, int]) -> np.ndarray:
    """Enlarge a latent mask (n, 1, h, w) to pictures of (H, W); returns (n, H, W) bool."""
    return F.interpolate(valid.float(), size, mode="nearest").squeeze(1).bool().cpu().numpy()


def widen_edges(near: Tensor, percent: float) -> Tensor:
    """Widen what is near in disparity (n, H, W) by `percent` of the width on all sides.

    A predicted map rises over some pixels where an object begins; so that the object moves as a
    whole, the ramp goes onto what is behind it.
    """
    radius_px = round(percent / 100 * near.shape[-1])
    for kernel, padding in (
        ((2 * radius_px + 1, 1), (radius_px, 0)),
        ((1, 2 * radius_px + 1), (0, radius_px)),
    ):
        near = F.max_pool2d(near[:, None], kernel, stride=1, padding=padding)[:, 0]
    return near


def pixel_disparity(near: Tensor, options: StereoOptions) -> Tensor:
    """Turn disparity (n, H, W) into pixels of that width, the screen's plane being 0.

    Relative disparity is scaled so that its range is `scale_percent` of the width; metric
    disparity keeps its pixels.
    """
    width = near.shape[-1]
    if options.metric_disparity and options.convergence == 0:
        return near
    unit = normalise(near)
    if options.metric_disparity:
        low = near.amin((1, 2), keepdim=True)
        span = near.amax((1, 2), keepdim=True) - low
        plane = screen_plane(unit, options, span / width * 100, width)
        return near - (low + plane * span)
    plane = screen_plane(unit, options, abs(options.scale_percent), width)
    return (unit - plane) * (options.scale_percent / 100 * width)


def describe(
    options: StereoOptions, sampling: SamplingOptions, inputs: dict[str, str]
) -> dict[str, Any]:
    """Return the settings that a result carries: workflow, its inputs, every option."""
    return {**inputs, **settings_of(options, sampling)}


def stack_map(disparity: np.ndarray, samples: int, device: torch.device) -> Tensor:
    """Turn one map (H, W) into (n, H, W) on the device."""
    near = torch.from_numpy(np.ascontiguousarray(disparity, dtype=np.float32)).to(device)
    return near.expand(samples, -1, -1)
