"""The shift by itself: against a plain triple loop, and over sizes."""

import statistics
from dataclasses import dataclass

import torch
from torch import Tensor

from stereo.benchmark.measure import Clock
from stereo.method.shift import round_cells, shift

CHANNELS, BATCH, SIDE = 4, 8, 64
SIDES = (64, 256, 1024, 4096)
SCALE_SHARE = 0.08
SHORTEST_S = 0.2


@dataclass(frozen=True)
class ShiftRow:
    """Median busy seconds of one shift, and of the loop where it was run."""

    batch: int
    side: int
    seconds: float
    loop_seconds: float | None

    @property
    def nanoseconds_per_cell(self) -> float:
        """Return the time of a cell, all of its channels."""
        return self.seconds * 1e9 / (self.batch * self.side**2)


def measure_shift(device: torch.device) -> list[ShiftRow]:
    """Time whole-cell shifts of (8, 4, 64, 64), beside the loop, and of (1, 4, n, n)."""
    rows = [_row(BATCH, SIDE, device, loop=True)]
    return rows + [_row(1, side, device, loop=False) for side in SIDES]


def loop_shift(view: Tensor, offset: Tensor) -> Tensor:
    """Shift (B, C, H, W) by offsets (B, H, W) towards the right eye, cell by cell (Eq. 3)."""
    shifted = torch.zeros_like(view)
    batch, _, height, width = view.shape
    for b in range(batch):
        for y in range(height):
            for x in range(width):
                target = x + int(offset[b, y, x])
                if 0 <= target < width:
                    shifted[b, :, y, target] = view[b, :, y, x]
    return shifted


def _row(batch: int, side: int, device: torch.device, *, loop: bool) -> ShiftRow:
    generator = torch.Generator().manual_seed(0)
    view = torch.randn(batch, CHANNELS, side, side, generator=generator).to(device)
    disparity = torch.rand(batch, side, side, generator=generator)
    offset = round_cells(-SCALE_SHARE * side * disparity, "nearest").to(device)
    seconds = _median(view, offset, device)
    looped = Clock(lambda: loop_shift(view, offset), device).busy_seconds if loop else None
    return ShiftRow(batch, side, seconds, looped)


def _median(view: Tensor, offset: Tensor, device: torch.device) -> float:
    """Repeat until there is enough to take the median of; the first one warms up."""
    shift(view, offset)
    times: list[float] = []
    while len(times) < 3 or sum(times) < SHORTEST_S:
        times.append(Clock(lambda: shift(view, offset), device).busy_seconds)
    return statistics.median(times)
