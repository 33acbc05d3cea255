"""Latents of the pool's images, encoded once and kept on disk."""

import hashlib
import logging
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ldm.models.autoencoder import AutoencoderKL
from shapes.training.pool import Pool, save_array, to_network

logger = logging.getLogger(__name__)

ENCODE_BATCH = 8


def latent_pool(
    pool: Pool, model: AutoencoderKL, *, size_px: int, folder: Path, device: torch.device | str
) -> np.ndarray:
    """Return mean latents, not scaled, of all images at `size_px`: (N, 4, h, w) float16.

    What is missing below `folder` is encoded first; a folder is for one autoencoder and size.
    """
    folder = folder / f"latents-{digest(model)}-{size_px}"
    latents = []
    for number, shard in enumerate(pool.datasets):
        path = folder / f"{number:05d}-{len(shard)}.npy"
        if not path.exists():
            images = shard.images[: len(shard)]
            save_array(path, _encode(model.to(device), images, size_px=size_px, device=device))
            logger.info("encoded shard %d of %s at %d px", number, folder.parent, size_px)
        latents.append(np.load(path))
    model.cpu()
    return np.concatenate(latents)


def digest(model: AutoencoderKL) -> str:
    """Return a short digest of the weights that make latents."""
    content = hashlib.sha256()
    parts = nn.ModuleDict({"encoder": model.encoder, "quant_conv": model.quant_conv})
    for name, value in sorted(parts.state_dict().items()):
        content.update(name.encode() + value.detach().cpu().float().numpy().tobytes())
    return content.hexdigest()[:12]


@torch.no_grad()
def _encode(
    model: AutoencoderKL, images: np.ndarray, *, size_px: int, device: torch.device | str
) -> np.ndarray:
    """Return mean latents (N, 4, h, w) float16 of images (N, S, S, 3), in bfloat16 arithmetic."""
    latents = []
    for start in range(0, len(images), ENCODE_BATCH):
        batch = shrink(to_network(images[start : start + ENCODE_BATCH]).to(device), size_px)
        batch = batch.contiguous(memory_format=torch.channels_last)
        with torch.autocast(batch.device.type, dtype=torch.bfloat16):
            latents.append(model.encode(batch).mode().half().cpu().numpy())
    return np.concatenate(latents)


def shrink(images: Tensor, size_px: int) -> Tensor:
    """Average (B, C, S, S) down to (B, C, size_px, size_px), whole pixels at a time."""
    factor = images.shape[-1] // size_px
    return F.avg_pool2d(images, factor) if factor > 1 else images
