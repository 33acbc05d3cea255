"""Noise by seed: the same picture whatever the batch size and the device."""

import hashlib
from collections.abc import Sequence

import torch
from torch import Tensor


def seeded_noise(seeds: Sequence[int], shape: tuple[int, int, int]) -> Tensor:
    """Draw unit noise (n, C, h, w) on the CPU, each sample by its own seed alone."""
    draws = [
        torch.randn(1, *shape, generator=torch.Generator().manual_seed(seed)) for seed in seeds
    ]
    return torch.cat(draws)


def hole_noise(seeds: Sequence[int], like: Tensor) -> Tensor:
    """Draw what holes of latents `like` (n, C, h, w) may take, independent of the start noise."""
    return _noise_for("holes", seeds, like)


def step_noise(seeds: Sequence[int], step: int, like: Tensor) -> Tensor:
    """Draw what a step with eta > 0 adds to latents `like` (n, C, h, w), another at each step."""
    return _noise_for(f"step {step}", seeds, like)


def derived_seed(seed: int, use: str) -> int:
    """Return the seed in [0, 2**32) of another use of `seed`, as "holes" or a picture's name.

    It is hashed: PyTorch's CPU generator looks at the lowest 32 bits of a seed alone, so no
    offset leads out of the range of other seeds.
    """
    digest = hashlib.sha256(f"{seed}\n{use}".encode()).digest()
    return int.from_bytes(digest[:4], "big")


def _noise_for(use: str, seeds: Sequence[int], like: Tensor) -> Tensor:
    _, channels, height, width = like.shape
    return seeded_noise([derived_seed(seed, use) for seed in seeds], (channels, height, width))
