"""The noise of a run: where it starts from, what holes take, what eta adds at each step.

Both kinds draw unit noise: ours by sample, `original`'s in the published order.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor


class Noise(Protocol):
    """Unit noise for n samples."""

    def start(self) -> Tensor:
        """Return what a view starts from, (n, C, h, w)."""

    def holes(self) -> Tensor:
        """Return what the right view's holes take, (n, C, h, w)."""

    def step(self, index: int, views: int) -> Tensor:
        """Return what step `index` adds with eta > 0, (views * n, C, h, w)."""


@dataclass(frozen=True)
class SampleNoise:
    """Noise drawn on the CPU, each sample by its own seed alone.

    The same picture comes out whatever the batch size and the device. Both views of a sample get
    the same noise at a step.

    Attributes:
        seeds: of the n samples.
        shape: (C, h, w) of one sample's latents.
    """

    seeds: Sequence[int]
    shape: tuple[int, int, int]

    def start(self) -> Tensor:
        """Return what a view starts from, (n, C, h, w)."""
        return seeded_noise(self.seeds, self.shape)

    def holes(self) -> Tensor:
        """Return what the right view's holes take, (n, C, h, w), independent of the start."""
        return self._for_use("holes")

    def step(self, index: int, views: int) -> Tensor:
        """Return what step `index` adds with eta > 0, (views * n, C, h, w)."""
        return self._for_use(f"step {index}").repeat(views, 1, 1, 1)

    def _for_use(self, use: str) -> Tensor:
        return seeded_noise([derived_seed(seed, use) for seed in self.seeds], self.shape)


@dataclass(frozen=True)
class PublishedNoise:
    """Noise that the global generator gives after the published `seed_everything`.

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


def seeded_noise(seeds: Sequence[int], shape: tuple[int, int, int]) -> Tensor:
    """Draw unit noise (n, C, h, w) on the CPU, each sample by its own seed alone."""
    draws = [
        torch.randn(1, *shape, generator=torch.Generator().manual_seed(seed)) for seed in seeds
    ]
    return torch.cat(draws)


def derived_seed(seed: int, use: str) -> int:
    """Return the seed in [0, 2**32) of another use of `seed`, as "holes".

    It is hashed, as no offset leads out of the range of other seeds (`stereo.options.SEEDS`).
    """
    digest = hashlib.sha256(f"{seed}\n{use}".encode(errors="surrogateescape")).digest()
    return int.from_bytes(digest[:4], "big")
