"""Warp the left view into the right one, by metric disparity, at the picture's own resolution.

Every row is a chain of samples. Neighbours whose disparities differ little belong to one surface
and are joined; where it jumps the chain breaks, and what comes into sight there stays a hole.
The chains are drawn into a disparity buffer of the right view, nearer ones in front, and the left
view is looked up through it. Drawing on a finer grid than the pixels' smooths the edges.
"""

import math
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from stereo.method.shift import fill_with_background
from stereo.options import Eye

OVERSAMPLING = 2
# Neighbours whose disparities differ by more belong to different surfaces.
JUMP_PX = 1.5
# Rows are independent; so many samples are in work at a time.
SAMPLES_AT_ONCE = 2**20
EMPTY = -math.inf


@torch.no_grad()
def warp_right(
    left: np.ndarray, disparity_px: np.ndarray, *, oversampling: int = OVERSAMPLING
) -> tuple[np.ndarray, np.ndarray]:
    """Move every pixel of the left view by its disparity; nearer ones cover farther ones.

    Args:
        left: (H, W, 3) uint8, or float32 of any range.
        disparity_px: (H, W) finite; left column x is seen in the right view at x - disparity.
        oversampling: samples per pixel and row; 1 leaves edges jagged.

    Returns:
        The right view, (H, W, 3) of the left one's type, zeros in holes; and `valid` (H, W) bool.
    """
    return warp_with_disparity(left, disparity_px, oversampling=oversampling)[:2]


@torch.no_grad()
def warp_with_disparity(
    left: np.ndarray,
    disparity_px: np.ndarray,
    *,
    eye: Eye = "right",
    oversampling: int = OVERSAMPLING,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Warp as `warp_right` does; also return the new view's own disparity, (H, W), 0 in holes.

    For `eye` left it goes the other way: right column x is seen in the left view at x + disparity,
    which is the mirrored case.
    """
    if eye == "left":
        mirrored = (np.ascontiguousarray(values[:, ::-1]) for values in (left, disparity_px))
        views = warp_with_disparity(*mirrored, oversampling=oversampling)
        return tuple(np.ascontiguousarray(view[:, ::-1]) for view in views)
    _check(left, disparity_px)
    right = np.zeros(left.shape, np.float32)
    valid = np.zeros(disparity_px.shape, bool)
    own_px = np.zeros(disparity_px.shape, np.float32)
    for rows in _row_blocks(disparity_px.shape, oversampling):
        near = _draw(torch.from_numpy(disparity_px[rows].astype(np.float32)), oversampling)
        view = torch.from_numpy(left[rows].astype(np.float32))
        right[rows], valid[rows], own_px[rows] = _look_up(view, near, oversampling)
    if left.dtype == np.uint8:
        right = np.clip(np.rint(right), 0, 255)
    return right.astype(left.dtype), valid, own_px


@torch.no_grad()
def right_disparity(disparity_px: np.ndarray) -> np.ndarray:
    """Return the right view's own disparity (H, W) float32, NaN in its holes."""
    near = np.empty(disparity_px.shape, np.float32)
    for rows in _row_blocks(disparity_px.shape, 1):
        near[rows] = _draw(torch.from_numpy(disparity_px[rows].astype(np.float32)), 1).numpy()
    near[np.isneginf(near)] = np.nan
    return near


def left_disparity(disparity_px: np.ndarray) -> np.ndarray:
    """Return the left view's own disparity (H, W) float32 from the right one's; NaN in holes."""
    return right_disparity(np.ascontiguousarray(disparity_px[:, ::-1]))[:, ::-1].copy()


def own_disparity(disparity_px: np.ndarray, *, of: Eye) -> np.ndarray:
    """Return the view's own disparity (H, W) from the other one's, its holes as background.

    `of` is the view that comes out, `left` or `right`.
    """
    own = right_disparity(disparity_px) if of == "right" else left_disparity(disparity_px)
    valid = torch.from_numpy(np.isfinite(own))[None, None]
    values = torch.from_numpy(np.nan_to_num(own, nan=0.0))[None, None]
    return fill_with_background(values, valid)[0, 0].numpy()


def seen_from_right(disparity_px: np.ndarray, *, tolerance_px: float = 1.0) -> np.ndarray:
    """Return which pixels (H, W) of the left view the right eye sees too."""
    near = right_disparity(disparity_px)
    width = disparity_px.shape[1]
    target = np.rint(np.arange(width) - disparity_px).astype(np.int64)
    inside = (target >= 0) & (target < width)
    in_front = np.take_along_axis(near, target.clip(0, width - 1), axis=1)
    hidden = in_front > disparity_px + tolerance_px  # False where NaN: nothing is in front
    return inside & ~hidden


def _check(left: np.ndarray, disparity_px: np.ndarray) -> None:
    if left.ndim != 3 or disparity_px.shape != left.shape[:2]:
        raise ValueError(
            f"disparity_px: got shape {disparity_px.shape}, expected (H, W) of the left view, "
            f"{left.shape[:2]}"
        )
    if not np.isfinite(disparity_px).all():
        raise ValueError("disparity_px: got NaN or infinite values, expected finite ones")


def _row_blocks(shape: tuple[int, int], oversampling: int) -> Iterator[slice]:
    rows = max(1, SAMPLES_AT_ONCE // (shape[1] * oversampling))
    return (slice(start, start + rows) for start in range(0, shape[0], rows))


def _draw(disparity: Tensor, finer: int) -> Tensor:
    """Draw disparity (h, W) into the right view's buffer (h, W * finer), -inf in holes."""
    height, width = disparity.shape
    columns = torch.arange(width, dtype=torch.float32)
    place = (columns - disparity + 0.5) * finer - 0.5  # on the finer grid
    step = disparity[:, 1:] - disparity[:, :-1]
    joined = step.abs() <= JUMP_PX
    # One column more, for what leaves the picture.
    buffer = torch.full((height, width * finer + 1), EMPTY)
    for k in range(math.ceil(finer * (1 + JUMP_PX)) + 1):
        target = place[:, :-1].ceil() + k
        length = place[:, 1:] - place[:, :-1]
        share = (target - place[:, :-1]) / length.clamp(min=1e-6)
        _put(buffer, target, disparity[:, :-1] + share * step, joined & (share <= 1))
    loose = torch.ones(height, 1, dtype=torch.bool)
    loose_before, loose_after = (torch.cat(p, 1) for p in ((loose, ~joined), (~joined, loose)))
    for k in range(finer // 2 + 1):
        # The outermost sample of a chain covers its own pixel to the rim.
        for target, free, reach in (
            (place.ceil() + k, loose_after, finer / 2),
            (place.floor() - k, loose_before, finer / 2),
        ):
            _put(buffer, target, disparity, free & ((target - place).abs() < reach))
    return buffer[:, :-1]


def _put(buffer: Tensor, target: Tensor, disparity: Tensor, wanted: Tensor) -> None:
    last = buffer.shape[1] - 1
    inside = wanted & (target >= 0) & (target < last)
    column = torch.where(inside, target, last).long()
    buffer.scatter_reduce_(1, column, disparity, "amax")


def _look_up(view: Tensor, near: Tensor, finer: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sample a view (h, W, C) where the buffer (h, W * finer) points to, once per pixel.

    Pixels in which two surfaces meet are the mean of their samples instead. Returns colours, which
    pixels have one, and their disparity.
    """
    height, width, channels = view.shape
    samples = near.view(height, width, finer)
    landed = samples > EMPTY
    count = landed.sum(2)  # (h, W)
    valid = 2 * count >= finer
    known = torch.where(landed, samples, 0)
    mean = known.sum(2) / count.clamp(min=1)
    columns = torch.arange(width, dtype=torch.float32)
    colour = _between(view, torch.where(valid, columns + mean, 0))
    spread = ((known - mean.unsqueeze(2)).abs() * landed).amax(2)
    row, column = torch.nonzero(valid & (spread > JUMP_PX / 2), as_tuple=True)
    if len(row):
        offsets = (torch.arange(finer) + 0.5) / finer - 0.5
        weights = landed[row, column].float()  # (n, finer)
        source = (column.unsqueeze(1) + offsets + known[row, column]) * weights
        mixed = _between(view, source, rows=row) * weights.unsqueeze(2)
        colour[row, column] = mixed.sum(1) / weights.sum(1, keepdim=True)
    return (colour * valid.unsqueeze(2)).numpy(), valid.numpy(), (mean * valid).numpy()


def _between(view: Tensor, source: Tensor, *, rows: Tensor | None = None) -> Tensor:
    """Interpolate a view (h, W, C) at columns `source` (h, n) by Catmull-Rom cubics: (h, n, C).

    With `rows` (m,) the m rows of `source` belong to those rows of the view.
    """
    height, width, channels = view.shape
    rows = torch.arange(height) if rows is None else rows
    source = source.clamp(0, width - 1)
    before = source.floor()
    t = (source - before).unsqueeze(-1)
    weights = (
        ((2 - t) * t - 1) * t / 2,
        ((3 * t - 5) * t * t + 2) / 2,
        ((4 - 3 * t) * t + 1) * t / 2,
        (t - 1) * t * t / 2,
    )
    flat = view.reshape(height * width, channels)
    result = view.new_zeros(*source.shape, channels)
    for k, weight in enumerate(weights):
        column = (before.long() + k - 1).clamp(0, width - 1)
        result += weight * flat[rows.unsqueeze(1) * width + column]
    return result
