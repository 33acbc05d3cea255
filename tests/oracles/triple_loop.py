"""The shift as three plain loops."""

import torch
from torch import Tensor


def loop_shift(view: Tensor, offset: Tensor) -> tuple[Tensor, Tensor]:
    """Shift cell by cell; of several sources for one target the furthest travelled wins."""
    shifted, valid = torch.zeros_like(view), torch.zeros_like(view[:, :1], dtype=torch.bool)
    batch, _, height, width = view.shape
    for b in range(batch):
        for y in range(height):
            for x in sorted(range(width), key=lambda c: abs(int(offset[b, y, c]))):
                target = x + int(offset[b, y, x])
                if 0 <= target < width:
                    shifted[b, :, y, target] = view[b, :, y, x]
                    valid[b, 0, y, target] = True
    return shifted, valid
