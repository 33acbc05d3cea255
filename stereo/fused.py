"""The right view of the preset `best`: warped at full size, holes from guided denoising."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from stereo.fusion import continue_smoothly, fuse
from stereo.guided import Guide, denoise_guided, right_noise
from stereo.images import Fit
from stereo.latents import HOLE_SEED_OFFSET, decode, encode, seeded_noise, tensor_to_images
from stereo.options import SamplingOptions, StereoOptions
from stereo.plan import first_guided_step, resize_disparity
from stereo.sampler import Denoiser, LeftBranch
from stereo.shift import offsets_px
from stereo.warp import warp_right

if TYPE_CHECKING:
    from ldm.models.diffusion.ddpm import LatentDiffusion

INPAINT_RADIUS_PX = 3


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
    sampling: SamplingOptions,
) -> tuple[np.ndarray, np.ndarray]:
    """Make the right views (n, H, W, 3) uint8, and their valid masks (n, H, W) bool."""
    warps = [warp_right(*view) for view in zip(left.pictures, left.disparity_px, strict=True)]
    guide = _guide(model, run, left, warps, options, sampling)
    first = first_guided_step(run.total, options)
    latents = denoise_guided(run, left.branch, guide, first, share=options.shared_attention)
    generated = tensor_to_images(decode(model, latents))
    right = [fuse(*warp, new) for warp, new in zip(warps, generated, strict=True)]
    return np.stack(right), np.stack([valid for _, valid in warps])


def prefill(warped: np.ndarray, valid: np.ndarray, size_px: tuple[int, int]) -> np.ndarray:
    """Resize a warped view (H, W, 3) to (width, height) with its holes inpainted (Telea)."""
    import cv2

    rough = continue_smoothly(warped.astype(np.float32), valid)
    height, width = valid.shape
    frame = Fit((0, 0, width, height), size_px)
    small = frame.image(np.rint(rough).clip(0, 255).astype(np.uint8))
    holes = frame.map((~valid).astype(np.float32)) > 0
    return cv2.inpaint(small, holes.astype(np.uint8), INPAINT_RADIUS_PX, cv2.INPAINT_TELEA)


def known_cells(valid: np.ndarray, size: tuple[int, int]) -> Tensor:
    """Return the latent cells (1, 1, h, w) that no hole of (H, W) touches."""
    holes = torch.from_numpy(~valid).float()[None, None]
    return F.adaptive_max_pool2d(holes, size) == 0


def _guide(
    model: "LatentDiffusion",
    run: Denoiser,
    left: LeftView,
    warps: list[tuple[np.ndarray, np.ndarray]],
    options: StereoOptions,
    sampling: SamplingOptions,
) -> Guide:
    n, channels, *size = left.clean.shape
    factor = model.downsample_factor
    size_px = (size[1] * factor, size[0] * factor)
    filled = [encode(model, prefill(*warp, size_px)) for warp in warps]
    known = torch.cat([known_cells(valid, tuple(size)) for _, valid in warps])
    cells = resize_disparity(torch.from_numpy(left.disparity_px), tuple(size))
    cells = cells * (size[1] / left.disparity_px.shape[-1])
    first = first_guided_step(run.total, options)
    noise = right_noise(
        left.branch.latents[first - 1],
        left.clean,
        run.sampler.ddim_alphas[run.total - 1 - first],
        offsets_px(cells, -1, "nearest").to(left.clean.device),
        seeded_noise(n, (channels, *size), sampling.seed + HOLE_SEED_OFFSET),
    )
    return Guide(torch.cat(filled), known.to(left.clean.device), noise)
