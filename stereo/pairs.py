"""From a left view and its disparity to finished pairs: the second half of every workflow."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ldm.models.diffusion.ddpm import LatentDiffusion
from stereo.depth.parallax import disparity_pixels, enlarge, normalise, relative_cells, widen_edges
from stereo.depth.refine import refine
from stereo.method.denoise import LeftBranch, denoise_joint, denoise_right
from stereo.method.latent_shift import LatentShift, latent_shift
from stereo.method.run import Run
from stereo.method.schedule import shift_schedule
from stereo.noise import Noise
from stereo.options import StereoOptions
from stereo.pair import StereoPair
from stereo.pixels.codec import decode, tensor_to_images
from stereo.pixels.right_view import warp_and_inpaint
from stereo.pixels.warp import own_disparity
from stereo.runs import published_pictures

RangePx = tuple[float, float]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Work:
    """What stays the same through a workflow."""

    model: LatentDiffusion
    run: Run
    options: StereoOptions
    noise: Noise
    settings: dict[str, Any]


@dataclass(frozen=True)
class LeftView:
    """A left view, denoised as far as its right view needs it.

    Attributes:
        branch: its latents after each step, at least through the shift's.
        disparity: (n, H, W), near = large, of any size.
        has_own_map: which maps are the user's own; the edges of the others are widened.
        decoded: (n, 3, H, W), about [-1, 1], of the finished branch, where it is needed before.
        pictures: (n, H, W, 3) uint8, of any size: what fusion keeps.
        clean: (n, C, h, w) their latents, for fusion.
    """

    branch: LeftBranch
    disparity: Tensor
    has_own_map: Sequence[bool]
    decoded: Tensor | None = None
    pictures: np.ndarray | None = None
    clean: Tensor | None = None


@dataclass(frozen=True)
class Views:
    """Both views of n samples.

    Attributes:
        left: (n, H, W, 3) uint8.
        right: likewise.
        valid: (n, H, W) bool, which right pixels came from the left view.
        ranges_px: disparity of each sample's farthest and nearest point.
        disparity: (n, H, W) of the left views, of any unit, as it moved them.
    """

    left: np.ndarray
    right: np.ndarray
    valid: np.ndarray
    ranges_px: list[RangePx]
    disparity: Tensor


def stereo_pairs(work: Work, left: LeftView) -> list[StereoPair]:
    """Make the right views, out of shifted latents or warped pixels, and pair them up."""
    views = warped_pixels(work, left) if work.options.fusion else shifted_latents(work, left)
    relative = normalise(enlarge(views.disparity, views.left.shape[1:3])).cpu().numpy()
    pairs = []
    for k, range_px in enumerate(views.ranges_px):
        settings = {
            **work.settings,
            "sample": k,
            "disparity_range_px": [round(end, 4) + 0.0 for end in range_px],
        }
        pair = StereoPair(views.left[k], views.right[k], relative[k], views.valid[k], settings)
        pairs.append(as_eyes_see(pair, range_px, work.options))
    return pairs


def shifted_latents(work: Work, left: LeftView) -> Views:
    """Shift the right view out of the left latents, as the paper does."""
    run, branch, options = work.run, left.branch, work.options
    schedule = shift_schedule(run.total, options)
    size = branch.final.shape[-2:]
    shift = latent_shift(relative_cells(left.disparity, size, options), options)
    noise = work.noise.holes() if options.deblur else None
    final, moved = branch.final, schedule.shift < run.total
    if not moved:
        # So few steps that none is followed by the shift, as published.
        log.warning(
            "both views are equal: the shift comes after step %d, and %d are run",
            schedule.shift,
            run.total,
        )
        right, valid = final, torch.ones_like(final[:, :1], dtype=torch.bool)
    elif options.left_stands_alone and len(branch.latents) == run.total:
        share = options.shared_attention
        right, valid = denoise_right(run, branch, shift, schedule, noise, share=share)
    else:
        trunk = branch.latents[schedule.shift]
        final, right, valid = denoise_joint(run, trunk, shift, schedule, noise, options)
    is_decoded = left.decoded is not None and final is branch.final
    views = (left.decoded if is_decoded else decode(work.model, final), decode(work.model, right))
    if options.published_bookkeeping:
        pictures = published_pictures(*views, work.settings["task"])
    else:
        pictures = tuple(tensor_to_images(view) for view in views)
    ranges_px = shifted_ranges_px(shift, pictures[0].shape[2], options)
    mask = _picture_mask(valid, pictures[0].shape[1:3])
    ranges_px = ranges_px if moved else [(0.0, 0.0)] * len(mask)
    return Views(*pictures, mask, ranges_px, left.disparity)


def warped_pixels(work: Work, left: LeftView) -> Views:
    """Warp the left pictures at their own size and fill the holes by inpainting (`best`)."""
    percent = work.options.edge_dilation_percent
    disparity = enlarge(left.disparity, left.pictures.shape[1:3])
    widened = [
        one if own else widen_edges(_fitted(one, picture, work.options), percent)
        for one, picture, own in zip(
            disparity.split(1), left.pictures, left.has_own_map, strict=True
        )
    ]
    disparity = torch.cat(widened)
    disparity_px = disparity_pixels(disparity, work.options).cpu().numpy()
    right, valid = warp_and_inpaint(
        work.model,
        work.run,
        left.pictures,
        disparity_px,
        left.clean,
        left.branch,
        options=work.options,
        noise=work.noise.holes(),
    )
    ranges_px = [(float(one.min()), float(one.max())) for one in disparity_px]
    return Views(left.pictures, right, valid, ranges_px, disparity)


def _fitted(disparity: Tensor, picture: np.ndarray, options: StereoOptions) -> Tensor:
    """Fit the edges of disparity (1, H, W) to those of its picture, where that is wanted."""
    if not options.refined_edges:
        return disparity
    refined = refine(disparity[0].float().cpu().numpy(), picture)
    return torch.from_numpy(refined)[None].to(disparity)


def as_eyes_see(pair: StereoPair, range_px: RangePx, options: StereoOptions) -> StereoPair:
    """Return a pair whose left view is the left eye's, with the disparity of that view.

    Args:
        pair: its left view is the one that the other was made of, its disparity that of what was
            shifted.
        range_px: disparity that 0 and 1 of its map stand for.
        options: of the run.
    """
    if options.eye == "right" and not options.shift_both:
        return pair
    low, high = range_px
    source_px = (low + pair.disparity * (high - low)).astype(np.float32)
    if options.shift_both:
        # Each view moved by half, away from one in the middle.
        left, right = pair.left, pair.right
        maps_px = [2 * own_disparity(source_px / 2, of=eye) for eye in ("left", "right")]
    else:
        left, right = pair.right, pair.left
        maps_px = [own_disparity(source_px, of="left"), source_px]
    span = high - low if high != low else np.inf
    relative = [((px - low) / span).clip(0, 1).astype(np.float32) for px in maps_px]
    return StereoPair(left, right, relative[0], pair.valid, pair.settings, relative[1])


def shifted_ranges_px(shift: LatentShift, width_px: int, options: StereoOptions) -> list[RangePx]:
    """Return every sample's disparity in pixels where it is farthest and where it is nearest.

    With a negative scale, which exchanges the eyes as published, the nearest is the smaller one.
    """
    cell_px = width_px / shift.right.shape[-1] * (1 if options.eye == "right" else -1)
    disparity_px = shift.disparity_cells() * cell_px
    low, high = (end.tolist() for end in (disparity_px.amin((1, 2)), disparity_px.amax((1, 2))))
    ends = (high, low) if options.scale_percent < 0 else (low, high)
    return list(zip(*ends, strict=True))


def _picture_mask(valid: Tensor, size: tuple[int, int]) -> np.ndarray:
    """Enlarge a latent mask (n, 1, h, w) to pictures of (H, W); returns (n, H, W) bool."""
    return F.interpolate(valid.float(), size, mode="nearest").squeeze(1).bool().cpu().numpy()
