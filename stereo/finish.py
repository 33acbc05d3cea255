"""The second half of every workflow: from a left branch and its disparity to stereo pairs."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from stereo.comfort.window import own_disparity
from stereo.method.denoise import Denoiser, LeftBranch
from stereo.method.latents import decode, tensor_to_images
from stereo.method.schedule import LatentShift, latent_shift, shift_steps
from stereo.options import StereoOptions
from stereo.pair import StereoPair
from stereo.pixels.right_view import LeftView, fused_right
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

Range = tuple[float, float]


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
    left = tensor_to_images(decoded if kept else decode(work.model, views.left))
    right = tensor_to_images(decode(work.model, views.right))
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


def shifted_ranges(plan: LatentShift, width_px: int, options: StereoOptions) -> list[Range]:
    """Return every sample's disparity in pixels where it is farthest and where it is nearest.

    Positive is in front of the screen. With a negative scale, which exchanges the eyes as
    published, the nearest is the smaller one.
    """
    cell_px = width_px / plan.right.shape[-1]
    towards = 1 if options.eye == "right" else -1
    return _ends(plan.disparity() * (cell_px * towards), reverse=options.scale_percent < 0)


def exact_ranges(disparity_px: np.ndarray) -> list[Range]:
    """Return the least and the largest of every map of (n, H, W)."""
    return [(float(near.min()), float(near.max())) for near in disparity_px]


def complete(pair: StereoPair, reached: Range, options: StereoOptions) -> StereoPair:
    """Return a pair with left and right as the eyes have them, and its comfort in the settings.

    Args:
        pair: its left view is the one that the other was made of, and its disparity that of
            what was shifted.
        reached: disparity in pixels that its disparity of 0 and 1 stand for.
        options: of the run.
    """
    left_px, right_px = _own_maps(pair.disparity, reached, options)
    if options.eye == "left":
        pair = replace(pair, left=pair.right, right=pair.left)
    if options.eye == "left" or options.shift_both:
        unit = {"disparity": left_px, "right_disparity": right_px}
        pair = replace(pair, **{name: _unit(px, reached) for name, px in unit.items()})
    settings = {
        **pair.settings,
        "disparity_range_px": [round(end, 4) + 0.0 for end in reached],
    }
    return replace(pair, settings=settings)


def _ends(values: Tensor, *, reverse: bool) -> list[Range]:
    low, high = (end.tolist() for end in (values.amin((1, 2)), values.amax((1, 2))))
    return list(zip(high, low, strict=True) if reverse else zip(low, high, strict=True))


def _own_maps(
    disparity: np.ndarray, reached: Range, options: StereoOptions
) -> tuple[np.ndarray, np.ndarray]:
    """Return both views' own disparities (H, W) in pixels, from that of what they were made of."""
    low, high = reached
    made_of = (low + disparity * (high - low)).astype(np.float32)
    if options.shift_both:
        # Each view moved by half, away from one in the middle.
        left, right = (2 * own_disparity(made_of / 2, of=eye) for eye in ("left", "right"))
        return left, right
    if options.eye == "left":
        return own_disparity(made_of, of="left"), made_of
    return made_of, own_disparity(made_of, of="right")


def _unit(disparity_px: np.ndarray, reached: Range) -> np.ndarray:
    low, high = reached
    unit = (disparity_px - low) / (high - low) if high != low else np.zeros_like(disparity_px)
    return unit.clip(0, 1).astype(np.float32)
