"""The right view of the preset `best`: warped at full size, holes from guided denoising."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from stereo.images import Fit
from stereo.method.denoise import Denoiser, LeftBranch
from stereo.method.latents import decode, encode, hole_noise
from stereo.method.schedule import exact_shift, first_guided_step
from stereo.options import StereoOptions
from stereo.pixels.holes import fill_holes, fuse
from stereo.pixels.inpaint import Guide, denoise_guided, right_noise, trust
from stereo.pixels.warp import warp_left, warp_right

if TYPE_CHECKING:
    from ldm.models.diffusion.ddpm import LatentDiffusion

# From [-1, 1] to levels of 255.
LEVELS = 127.5


@dataclass(frozen=True)
class LeftView:
    """A finished left view: its picture at its own size, and how it came about in the latents.

    Attributes:
        pictures: n pictures (H, W, 3) uint8.
        disparity_px: (n, H, W) float32, in pixels of those pictures.
        clean: (n, C, h, w) their latents.
        branch: the latents after each denoising step.
    """

    pictures: np.ndarray
    disparity_px: np.ndarray
    clean: Tensor
    branch: LeftBranch


def fused_right(
    model: "LatentDiffusion",
    run: Denoiser,
    left: LeftView,
    options: StereoOptions,
    seeds: Sequence[int],
) -> tuple[np.ndarray, np.ndarray]:
    """Make the right views (n, H, W, 3) uint8, and their valid masks (n, H, W) bool.

    For the left eye the views change their roles: `left` is the right one, and it is the left
    one that is made.
    """
    warp = warp_right if options.eye == "right" else warp_left
    warps = [warp(*view) for view in zip(left.pictures, left.disparity_px, strict=True)]
    filled = [fill_holes(*view, eye=options.eye) for view in warps]
    valid = np.stack([valid for _, valid in warps])
    guide = _guide(model, run, left, filled, valid, options, seeds)
    first = first_guided_step(run.total, options)
    latents, foreseen = denoise_guided(
        run,
        left.branch,
        guide,
        first,
        share=options.shared_attention,
        renoised=options.renoised_cells,
    )
    if options.weighed_holes:
        latents = torch.lerp(guide.clean, latents, trust(foreseen, guide))
    change = LEVELS * (decode(model, latents) - decode(model, guide.clean))
    right = [fuse(*view) for view in zip(filled, valid, change, strict=True)]
    return np.stack(right), valid


def known_cells(valid: np.ndarray, size: tuple[int, int]) -> Tensor:
    """Return the latent cells (1, 1, h, w) that no hole of (H, W) touches."""
    holes = torch.from_numpy(~valid).float()[None, None]
    return F.adaptive_max_pool2d(holes, size) == 0


def _guide(
    model: "LatentDiffusion",
    run: Denoiser,
    left: LeftView,
    filled: list[np.ndarray],
    valid: np.ndarray,
    options: StereoOptions,
    seeds: Sequence[int],
) -> Guide:
    size = left.clean.shape[2:]
    factor = model.downsample_factor
    height, width = valid.shape[1:]
    frame = Fit((0, 0, width, height), (size[1] * factor, size[0] * factor))
    clean = torch.cat([encode(model, frame.image(view)) for view in filled])
    known = torch.cat([known_cells(view, size) for view in valid])
    plan = exact_shift(torch.from_numpy(left.disparity_px), size, options)
    first = first_guided_step(run.total, options)
    noise = right_noise(
        left.branch.latents[first - 1],
        left.clean,
        run.sampler.ddim_alphas[run.total - 1 - first],
        plan.right.to(left.clean.device),
        hole_noise(seeds, left.clean),
        eye=options.eye,
    )
    return Guide(clean, known.to(left.clean.device), noise)
