"""Where a disparity map changes its unit: the only place for it.

`relative` maps are in [0, 1], near = 1. `disparity_px` is in pixels of a picture's width and
`disparity_cells` in columns of the latents, both positive in front of the screen.
"""

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from stereo.options import Normalisation, StereoOptions

# `auto` convergence leaves this share of a picture's pixels in front of the screen.
SHARE_IN_FRONT = 0.3


def normalise(disparity: Tensor, over: Normalisation = "image") -> Tensor:
    """Scale disparity (n, H, W) to [0, 1], per image or over the batch; constant maps become 0."""
    dims = (0, 1, 2) if over == "batch" else (1, 2)
    low = disparity.amin(dim=dims, keepdim=True)
    span = disparity.amax(dim=dims, keepdim=True) - low
    return torch.where(span > 0, (disparity - low) / span, torch.zeros_like(disparity))


def resize_to_latents(disparity: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize disparity (n, H, W) to (h, w), bicubic, without antialiasing, as published."""
    resized = F.interpolate(disparity.float().unsqueeze(1), size, mode="bicubic")
    return resized.squeeze(1)


def enlarge(disparity: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize disparity (n, h, w) to pictures of (H, W), bilinear."""
    if disparity.shape[1:] == size:
        return disparity
    return F.interpolate(disparity.float().unsqueeze(1), size, mode="bilinear").squeeze(1)


def widen_edges(disparity: Tensor, percent: float) -> Tensor:
    """Widen what is near in disparity (n, H, W) by `percent` of the width on all sides.

    A predicted map rises over some pixels where an object begins. So that the object moves as a
    whole, the ramp goes onto what is behind it.
    """
    side_px = 2 * round(percent / 100 * disparity.shape[-1]) + 1
    square = np.ones((side_px, side_px), np.uint8)
    # OpenCV's time does not grow with the square; a pooling layer took 30 times as long at 4000 px.
    widened = [cv2.dilate(one, square) for one in disparity.float().cpu().numpy()]
    return torch.from_numpy(np.stack(widened)).to(disparity)


def relative_cells(disparity: Tensor, size: tuple[int, int], options: StereoOptions) -> Tensor:
    """Turn disparity (n, H, W) of any unit into cells (n, h, w), by `scale_percent` of the width.

    It is normalised after it is resized, and multiplied in float32, as published: in double
    precision, disparities next to a whole cell would be truncated to another one.
    """
    relative = normalise(resize_to_latents(disparity, size), options.normalisation)
    plane = zero_parallax_plane(relative, options, abs(options.scale_percent))
    return (relative - plane) * (options.scale_percent / 100 * size[1])


def pixels_to_cells(disparity_px: Tensor, size: tuple[int, int]) -> Tensor:
    """Turn disparity (n, H, W) in pixels of that width into cells (n, h, w)."""
    return resize_to_latents(disparity_px, size) * (size[1] / disparity_px.shape[-1])


def disparity_pixels(disparity: Tensor, options: StereoOptions) -> Tensor:
    """Turn disparity (n, H, W) into pixels of that width.

    Relative disparity is scaled so that its range is `scale_percent` of the width; metric
    disparity keeps its pixels.
    """
    if options.metric_disparity and options.convergence == 0:
        return disparity
    width, relative = disparity.shape[-1], normalise(disparity)
    if options.metric_disparity:
        low = disparity.amin((1, 2), keepdim=True)
        span = disparity.amax((1, 2), keepdim=True) - low
        plane = zero_parallax_plane(relative, options, span / width * 100)
        return disparity - (low + plane * span)
    plane = zero_parallax_plane(relative, options, options.scale_percent)
    return (relative - plane) * (options.scale_percent / 100 * width)


def zero_parallax_plane(
    relative: Tensor, options: StereoOptions, range_percent: Tensor | float
) -> Tensor:
    """Return which share of the disparity range lies in the plane of the screen, (n, 1, 1).

    `auto` goes by the histogram: 70 % of the pixels lie behind the screen, the nearest 30 % in
    front. From there the plane moves as little as both comfort limits want: the nearest point's
    crossed and the farthest one's uncrossed parallax stay inside them. A range too large for both
    exceeds both by the same factor.

    Args:
        relative: (n, H, W) disparity in [0, 1].
        options: of the run.
        range_percent: what a disparity of 1 means in percent of the width, a number or (n, 1, 1).
    """
    if options.convergence != "auto":
        return relative.new_full((relative.shape[0], 1, 1), options.convergence)
    flat = relative.flatten(1)
    rank = max(1, round((1 - SHARE_IN_FRONT) * flat.shape[1]))
    plane = flat.kthvalue(rank, dim=1).values.view(-1, 1, 1)
    crossed, uncrossed = options.parallax_limits_percent
    if not crossed + uncrossed:
        return plane
    reach = torch.as_tensor(range_percent, dtype=plane.dtype, device=plane.device)
    reach = reach.expand_as(plane).clamp(min=1e-9)
    lowest, highest = 1 - crossed / reach, uncrossed / reach
    within = torch.minimum(torch.maximum(plane, lowest), highest)
    shared = torch.full_like(plane, uncrossed / (crossed + uncrossed))
    return torch.where(lowest > highest, shared, within).clamp(0, 1)
