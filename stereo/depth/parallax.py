"""Where the screen stands in a picture's depth, and how strong its disparities are."""

import torch
from torch import Tensor

from stereo.options import StereoOptions

# `auto` leaves this share of a picture's pixels in front of the screen.
SHARE_IN_FRONT = 0.3


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
    crossed, uncrossed = options.parallax_limits_percent
    reach = torch.as_tensor(range_percent, dtype=near.dtype, device=near.device).expand_as(plane)
    if not crossed + uncrossed:
        return plane
    lowest = 1 - crossed / reach.clamp(min=1e-9)
    highest = uncrossed / reach.clamp(min=1e-9)
    held = torch.minimum(torch.maximum(plane, lowest), highest)
    shared = torch.full_like(plane, uncrossed / (crossed + uncrossed))
    return torch.where(lowest > highest, shared, held).clamp(0, 1)
