"""Between pictures and latents: noise by seed, encode, decode, uint8 and [-1, 1]."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from stereo.method.seeds import derived_seed

if TYPE_CHECKING:
    from ldm.models.diffusion.ddpm import LatentDiffusion


def seeded_noise(seeds: Sequence[int], shape: tuple[int, int, int]) -> Tensor:
    """Draw unit noise (n, C, h, w) on the CPU, each sample by its own seed alone.

    Pictures are therefore the same whatever the batch size and the device.
    """
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


def _noise_for(use: str, seeds: Sequence[int], like: Tensor) -> Tensor:
    _, channels, height, width = like.shape
    return seeded_noise([derived_seed(seed, use) for seed in seeds], (channels, height, width))


def latent_size(model: "LatentDiffusion", height_px: int, width_px: int) -> tuple[int, int]:
    """Return (h, w) of the latents of a picture."""
    return height_px // model.downsample_factor, width_px // model.downsample_factor


def image_to_tensor(image: np.ndarray, device: torch.device) -> Tensor:
    """Turn (H, W, 3) uint8 into (1, 3, H, W) float32 in [-1, 1]."""
    pixels = torch.from_numpy(np.ascontiguousarray(image)).to(device)
    return pixels.permute(2, 0, 1).unsqueeze(0).float() / 127.5 - 1  # (1, 3, H, W)


def tensor_to_images(images: Tensor) -> np.ndarray:
    """Turn (n, 3, H, W) in [-1, 1] into (n, H, W, 3) uint8; values outside are clamped."""
    pixels = (images.float().clamp(-1, 1) + 1) * 127.5
    return pixels.round().to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()


def encode(model: "LatentDiffusion", image: np.ndarray) -> Tensor:
    """Encode (H, W, 3) uint8 to the posterior's mean, scaled: (1, C, h, w) float32."""
    autoencoder = model.first_stage_model
    pixels = image_to_tensor(image, model.device).to(next(autoencoder.parameters()).dtype)
    posterior = model.encode_first_stage(pixels)
    return model.get_first_stage_encoding(posterior, sample=False).float()


def decode(model: "LatentDiffusion", latents: Tensor) -> Tensor:
    """Decode (n, C, h, w) to (n, 3, H, W) in about [-1, 1], one by one to save memory."""
    dtype = next(model.first_stage_model.parameters()).dtype
    pictures = [model.decode_first_stage(latent.to(dtype)) for latent in latents.split(1)]
    return torch.cat(pictures).float()
