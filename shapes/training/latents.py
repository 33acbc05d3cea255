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

SHARD_IMAGES = 512
ENCODE_BATCH = 8


def latent_pool(
    pool: Pool, model: AutoencoderKL, *, size_px: int, folder: Path, device: torch.device
) -> np.ndarray:
    """Return mean latents, not scaled, of all images at `size_px`: (N, 4, h, w) float16.

    What is missing in `folder`, whose name depends on the autoencoder, is encoded first. Of two
    processes that do this at once one goes from each end.
    """
    folder = folder / f"latents-{digest(model)}-{size_px}"
    folder.mkdir(parents=True, exist_ok=True)
    shards = {}
    for start in range(0, len(pool), SHARD_IMAGES):
        indices = range(start, min(start + SHARD_IMAGES, len(pool)))
        shards[folder / f"{start:06d}-{len(indices)}.npy"] = indices
    for path in sorted(shards, reverse=process_rank() % 2 == 1):
        if not path.exists():
            indices = shards[path]
            save_array(path, _encode(pool, model, indices, size_px=size_px, device=device))
            logger.info("encoded images %d to %d at %d px", indices[0], indices[-1], size_px)
    return np.concatenate([np.load(path) for path in shards])


def process_rank() -> int:
    """Return the number of this process among those that train together."""
    together = torch.distributed.is_available() and torch.distributed.is_initialized()
    return torch.distributed.get_rank() if together else 0


def digest(model: AutoencoderKL) -> str:
    """Return a short name of the weights that make latents, those behind the encoder included."""
    found = hashlib.sha256()
    parts = nn.ModuleDict({"encoder": model.encoder, "quant_conv": model.quant_conv})
    for name, value in sorted(parts.state_dict().items()):
        found.update(name.encode() + value.detach().cpu().float().numpy().tobytes())
    return found.hexdigest()[:12]


def _encode(
    pool: Pool, model: AutoencoderKL, indices: range, *, size_px: int, device: torch.device
) -> np.ndarray:
    latents = []
    for start in range(indices[0], indices[-1] + 1, ENCODE_BATCH):
        batch = range(start, min(start + ENCODE_BATCH, indices[-1] + 1))
        images = to_network(np.stack([pool.image(i) for i in batch])).to(device)
        latents.append(encode_mean(model, shrink(images, size_px)).half().cpu().numpy())
    return np.concatenate(latents)


@torch.no_grad()
def encode_mean(model: AutoencoderKL, images: Tensor) -> Tensor:
    """Return the mean latents of images (B, 3, H, W), in bfloat16 arithmetic, as float32."""
    images = images.contiguous(memory_format=torch.channels_last)
    with torch.autocast(images.device.type, dtype=torch.bfloat16):
        return model.encode(images).mode().float()


def shrink(images: Tensor, size_px: int) -> Tensor:
    """Average (B, C, S, S) down to (B, C, size_px, size_px).

    Raises:
        ValueError: S is no multiple of size_px.
    """
    if images.shape[-1] % size_px:
        raise ValueError(f"size_px: got {size_px}, expected a divisor of {images.shape[-1]}")
    factor = images.shape[-1] // size_px
    return F.avg_pool2d(images, factor) if factor > 1 else images
