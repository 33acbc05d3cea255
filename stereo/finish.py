"""The second half of every workflow: from a left branch and its disparity to stereo pairs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from stereo.comfort.complete import complete, exact_ranges, shifted_ranges
from stereo.method.denoise import Denoiser, LeftBranch
from stereo.method.latents import decode, tensor_to_images
from stereo.method.schedule import latent_shift, shift_steps
from stereo.options import StereoOptions
from stereo.pair import StereoPair
from stereo.pixels.right_view import LeftView, fused_right
from stereo.published import published_pictures
from stereo.stages import (
    branch_off,
    enlarge_map,
    make_pairs,
    picture_mask,
    pixel_disparity,
    widen_edges,
)

if TYPE_CHECKING:
    from ldm.models.diffusion.ddpm import LatentDiffusion


@dataclass(frozen=True)
class Work:
    """What stays the same through a workflow: the model, the run, the options, the settings.

    `seeds` are the samples', `settings` what their pairs carry.
    """

    model: "LatentDiffusion"
    run: Denoiser
    options: StereoOptions
    seeds: Sequence[int]
    settings: dict[str, Any]


def shifted_pairs(
    work: Work, near: Tensor, branch: LeftBranch, decoded: Tensor | None = None
) -> list[StereoPair]:
    """Shift the right view out of the left latents, as the paper does.

    Args:
        work: of this run.
        near: (n, H, W) disparity of the left view.
        branch: of the left view, through the shift's step at least.
        decoded: (n, 3, H, W) of `branch.final`, where that is a finished picture already.
    """
    size = branch.final.shape[-2:]
    plan, steps = latent_shift(near, size, work.options), shift_steps(work.run.total, work.options)
    views = branch_off(work.run, branch, plan, steps, work.options, work.seeds)
    kept = decoded is not None and views.left is branch.final
    left_view = decoded if kept else decode(work.model, views.left)
    right_view = decode(work.model, views.right)
    if work.options.published_bookkeeping:
        left, right = published_pictures(left_view, right_view, work.settings["task"])
    else:
        left, right = tensor_to_images(left_view), tensor_to_images(right_view)
    valid = picture_mask(views.valid, left.shape[1:3])
    pairs = make_pairs(left, right, near, valid, work.settings)
    # So few steps that none is followed by the shift leave two equal views.
    moved = views.right is not views.left
    reached = (
        shifted_ranges(plan, left.shape[2], work.options) if moved else [(0.0, 0.0)] * len(left)
    )
    return [complete(*parts, work.options) for parts in zip(pairs, reached, strict=True)]


def fused_pairs(
    work: Work,
    pictures: np.ndarray,
    near: Tensor,
    clean: Tensor,
    branch: LeftBranch,
    *,
    given: Sequence[bool],
) -> list[StereoPair]:
    """Warp the left pictures at their own size and fill the holes by guided denoising.

    Args:
        work: of this run.
        pictures: left views (n, H, W, 3) uint8; they are given back as they are.
        near: (n, h, w) their disparity, of any size.
        clean: (n, C, h, w) their latents.
        branch: the left view's, finished.
        given: which maps are the user's own; the edges of the others are widened.
    """
    full = enlarge_map(near, pictures.shape[1:3])
    percent = work.options.edge_dilation_percent
    settled = [
        whole if own else widen_edges(whole, percent)
        for whole, own in zip(full.split(1), given, strict=True)
    ]
    disparity_px = pixel_disparity(torch.cat(settled), work.options).cpu().numpy()
    left = LeftView(pictures, disparity_px, clean, branch)
    right, valid = fused_right(work.model, work.run, left, work.options, work.seeds)
    pairs = make_pairs(pictures, right, near, valid, work.settings)
    reached = exact_ranges(disparity_px)
    return [complete(*parts, work.options) for parts in zip(pairs, reached, strict=True)]
