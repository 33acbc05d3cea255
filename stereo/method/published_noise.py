"""The noise of a published run: one generator's numbers, in the order in which that code draws."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class PublishedNoise:
    """Unit noise for n pictures by what the global generator gives after `seed_everything`.

    The published sampler draws at every step, needed or not. The generator is that of the run's
    device, so a GPU's noise is not a CPU's, there as here. What the published scripts draw from
    the CPU's own while they build their networks is left out.

    Attributes:
        seed: of the run.
        shape: (n, C, h, w) of one view's latents.
        device: of the run.
        start_at: number of the draw that is the start noise.
        alone: draws for one view each, ahead of those for both.
        shift_step: step after which the holes are filled, which takes a draw with `deblur`.
        deblur: whether it does.
    """

    seed: int
    shape: tuple[int, int, int, int]
    device: torch.device
    start_at: int
    alone: int
    shift_step: int
    deblur: bool

    def start(self) -> Tensor:
        """Return what a view starts from, (n, C, h, w)."""
        return self._draw(self.start_at)

    def holes(self) -> Tensor:
        """Return what the right view's holes take, (n, C, h, w)."""
        both = self._draw(self.alone + (self.shift_step + 1 if self.alone else 0))
        return both.chunk(2)[1]

    def step(self, index: int, views: int) -> Tensor:
        """Return what step `index` adds to one view alone or to both, (views * n, C, h, w)."""
        if views == 1:
            return self._draw(self.start_at + 1 + index)
        return self._draw(self.alone + index + (self.deblur and index > self.shift_step))

    def _draw(self, number: int) -> Tensor:
        generator = torch.Generator(self.device).manual_seed(self.seed)
        samples, *size = self.shape
        for k in range(number + 1):
            views = 1 if k < self.alone else 2
            noise = torch.randn(views * samples, *size, generator=generator, device=self.device)
        return noise
