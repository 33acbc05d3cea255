"""Where the screen stands in a picture's depth, and how strong its disparities are."""

import logging
from dataclasses import replace

import torch
from torch import Tensor

from stereo.comfort.limits import (
    MAX_STRENGTH_PERCENT,
    Limits,
    comfortable_strength,
    limits,
    whole_steps,
)
from stereo.options import StereoOptions

# `auto` leaves this share of a picture's pixels in front of the screen.
SHARE_IN_FRONT = 0.3

log = logging.getLogger(__name__)


def settle_strength(options: StereoOptions, *, width_px: int, cells: int) -> StereoOptions:
    """Return options whose `scale_percent` is what pixels or a comfort rule ask for.

    Args:
        options: of the run; those with neither come back as they are.
        width_px: of the result.
        cells: columns of the latents, of which whole-cell shifts move a whole number.

    Raises:
        ValueError: when more than half of the width is asked for, or when whole cells are too
            coarse for any comfortable shift.
    """
    if options.max_disparity_px is not None:
        percent = options.max_disparity_px / width_px * 100
        if percent > MAX_STRENGTH_PERCENT:
            raise ValueError(
                f"max_disparity_px: got {options.max_disparity_px:g} at {width_px} px, "
                f"expected at most half of the width"
            )
        return replace(options, scale_percent=percent)
    if options.comfort == "none":
        return options
    plane = None if options.convergence == "auto" else options.convergence
    strength = comfortable_strength(allowed_limits(options, cells), plane)
    if not strength:
        smallest = _step_percent(options, cells)
        raise ValueError(
            f"comfort: no shift of whole latent cells, {smallest:.2g} % of the width, is small "
            "enough; take --preset best, a larger --W or a larger --viewing_distance_cm"
        )
    log.info("comfort: strength %.3g %% of the width", strength)
    return replace(options, scale_percent=strength)


def allowed_limits(options: StereoOptions, cells: int) -> Limits:
    """Return the limits of the options' rule, one degree without any.

    For a chosen comfort they are rounded down to what whole cells can show.
    """
    rule = "degree" if options.comfort == "none" else options.comfort
    allowed = limits(rule, options.viewing)
    if options.comfort == "none":
        return allowed
    return whole_steps(allowed, _step_percent(options, cells))


def screen_plane(
    near: Tensor, options: StereoOptions, range_percent: Tensor | float, cells: int
) -> Tensor:
    """Return which share of the disparity range lies in the plane of the screen, (n, 1, 1).

    `auto` goes by the histogram: 70 % of the pixels lie behind the screen, the nearest 30 % in
    front. From there the plane moves as little as both comfort limits want: the nearest point's
    crossed and the farthest one's uncrossed parallax stay inside them. A range too large for both
    exceeds both by the same factor.

    Args:
        near: (n, H, W) disparity, normalised to [0, 1].
        options: of the run.
        range_percent: what a disparity of 1 means in percent of the width, a number or (n, 1, 1).
        cells: columns of the latents.
    """
    if options.convergence != "auto":
        return near.new_full((near.shape[0], 1, 1), options.convergence)
    flat = near.flatten(1)
    rank = max(1, round((1 - SHARE_IN_FRONT) * flat.shape[1]))
    plane = flat.kthvalue(rank, dim=1).values.view(-1, 1, 1)
    allowed = allowed_limits(options, cells)
    reach = torch.as_tensor(range_percent, dtype=near.dtype, device=near.device).expand_as(plane)
    if not allowed.range_percent:
        return plane
    lowest = 1 - allowed.crossed_percent / reach.clamp(min=1e-9)
    highest = allowed.uncrossed_percent / reach.clamp(min=1e-9)
    held = torch.minimum(torch.maximum(plane, lowest), highest)
    shared = torch.full_like(plane, allowed.uncrossed_percent / allowed.range_percent)
    return torch.where(lowest > highest, shared, held).clamp(0, 1)


def _step_percent(options: StereoOptions, cells: int) -> float:
    """Return the smallest shift in percent of the width, 0 where it can be as small as you like."""
    if options.fusion or options.rounding == "subpixel":
        return 0.0
    return 100 / cells * (2 if options.shift_both else 1)
