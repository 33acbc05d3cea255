"""Stereo Pixel Shift: move a view's columns by its disparity (eq. 3 of arXiv 2403.04965).

A *positive* offset moves content to the right. Towards the right eye's view nearer things (larger
disparity) move further left, towards the left eye's further right. Of two columns that land in one
cell of a right view, the larger came further and is the nearer one; of a left view, the smaller.
So "nearer wins" needs no depth buffer for whole cells.
"""

import torch
from torch import Tensor

from stereo.options import Eye, Rounding

# A sub-pixel target counts as filled when at least half of its area received light.
MIN_COVERAGE = 0.5
# Splats within this many cells of the nearest surface belong to the same surface.
SURFACE_TOLERANCE_PX = 0.75


def round_cells(offset_cells: Tensor, rounding: Rounding) -> Tensor:
    """Turn offsets in cells into what `shift` moves: whole cells (int64), or float `subpixel`.

    `truncate` rounds toward zero, as published.
    """
    if rounding == "truncate":
        return offset_cells.to(torch.int64)
    if rounding == "nearest":
        return offset_cells.round().to(torch.int64)
    return offset_cells


def shift(view: Tensor, offset: Tensor, *, eye: Eye = "right") -> tuple[Tensor, Tensor]:
    """Shift a view (B, C, H, W) by per-cell offsets (B, H, W); nearer cells win (Eq. 3).

    Whole-cell offsets (int64) move values unchanged, floating ones are splatted with sub-pixel
    weights. `eye` is the view that comes out: it says which of two colliding cells is nearer.
    Returns the shifted view, zeros in its holes, and `valid` (B, 1, H, W) bool, True where a
    source landed.
    """
    if offset.shape != (view.shape[0], *view.shape[2:]):
        raise ValueError(
            f"offset: got shape {tuple(offset.shape)}, expected (B, H, W) of the view, "
            f"{(view.shape[0], *view.shape[2:])}"
        )
    if offset.dtype.is_floating_point:
        return _splat(view, offset, -offset if eye == "right" else offset)
    return _move_cells(view, offset, eye)


def _move_cells(view: Tensor, offset: Tensor, eye: Eye) -> tuple[Tensor, Tensor]:
    width = view.shape[-1]
    columns = torch.arange(width, device=view.device)
    # A column on each side of the winners' map collects what leaves the image.
    target = (offset + (columns + 1)).clamp_(0, width + 1)
    empty, nearer = (-1, "amax") if eye == "right" else (width, "amin")
    winner = offset.new_full((*offset.shape[:-1], width + 2), empty)
    winner.scatter_reduce_(-1, target, columns.expand_as(offset), nearer)
    winner = winner[..., 1:-1].unsqueeze(1)  # (B, 1, H, W)
    valid = winner != empty
    source = winner.clamp(0, width - 1).expand_as(view)
    return view.gather(-1, source).masked_fill_(~valid, 0), valid


def _splat(view: Tensor, offset: Tensor, nearness: Tensor) -> tuple[Tensor, Tensor]:
    """Spread every cell over the two columns it lands between; only the nearest surface counts."""
    batch, _, height, width = view.shape
    position = torch.arange(width, device=view.device) + offset
    before = position.floor()
    fraction = position - before
    # Two columns of padding on each side catch what leaves the image.
    targets = [(before + k).clamp(-2, width + 1).to(torch.int64) + 2 for k in (0, 1)]
    weights = [1 - fraction, fraction]
    nearest = nearness.new_full((batch, height, width + 4), -torch.inf)
    for target, weight in zip(targets, weights, strict=True):
        nearest.scatter_reduce_(-1, target, nearness.masked_fill(weight <= 0, -torch.inf), "amax")
    colour = view.new_zeros(batch, view.shape[1], height, width + 4, dtype=torch.float32)
    coverage = nearness.new_zeros(batch, 1, height, width + 4)
    for target, weight in zip(targets, weights, strict=True):
        in_front = nearness >= nearest.gather(-1, target) - SURFACE_TOLERANCE_PX
        weight = (weight * in_front).unsqueeze(1)  # (B, 1, H, W)
        column = target.unsqueeze(1)
        coverage.scatter_add_(-1, column, weight)
        colour.scatter_add_(-1, column.expand_as(view), view.float() * weight)
    colour, coverage = colour[..., 2 : width + 2], coverage[..., 2 : width + 2]
    valid = coverage >= MIN_COVERAGE
    shifted = torch.where(valid, colour / coverage.clamp(min=MIN_COVERAGE), 0)
    return shifted.to(view.dtype), valid


def fill_with_background(values: Tensor, valid: Tensor) -> Tensor:
    """Fill holes of near-is-large maps (B, 1, H, W) with the farther of their row neighbours.

    What comes into view beside an object lies behind it. Rows without any value become 0.
    """
    from_left, has_left = _carry(values, valid)
    from_right, has_right = _carry(values.flip(-1), valid.flip(-1))
    from_right, has_right = from_right.flip(-1), has_right.flip(-1)
    far = float("inf")
    farther = torch.minimum(
        from_left.masked_fill(~has_left, far), from_right.masked_fill(~has_right, far)
    )
    return torch.where(valid, values, farther.masked_fill(~(has_left | has_right), 0))


def _carry(values: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
    """Carry the last valid value of each row rightwards; also says where there was one."""
    columns = torch.arange(values.shape[-1], device=values.device).expand_as(valid)
    last = torch.where(valid, columns, -1).cummax(dim=-1).values
    return values.gather(-1, last.clamp(min=0)), last >= 0
