"""Figures of the trained parts on scenes and photographs that they have not seen."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from dpt.models import DPTDepthModel
from ldm.models.autoencoder import AutoencoderKL

RENDER_BATCH = 8


@torch.no_grad()
def autoencoder_psnr(model: AutoencoderKL, images: Tensor) -> float:
    """Return the mean PSNR in dB of the reconstructions of images (B, 3, H, W) in [0, 1]."""
    found = []
    for image in images.split(1):
        decoded = model.decode(model.encode(2 * image - 1).mode()) / 2 + 0.5
        error = (decoded.clamp(0, 1) - image).square().mean().item()
        found.append(10 * math.log10(1 / max(error, 1e-10)))
    return float(np.mean(found))


@torch.no_grad()
def disparity_rank_correlation(
    depth_model: DPTDepthModel, images: Tensor, disparities: Tensor
) -> float:
    """Return the mean rank correlation of predicted and true disparity.

    Args:
        depth_model: the network.
        images: (B, 3, H, W) in [0, 1], of the network's size.
        disparities: (B, H, W), near = large; pixels that are not finite are left out.
    """
    found = []
    for image, true in zip(images, disparities, strict=True):
        predicted = depth_model(2 * image[None] - 1)[0]
        known = true.isfinite()
        found.append(rank_correlation(predicted[known].numpy(), true[known].numpy()))
    return float(np.mean(found))


def rank_correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Return Spearman's correlation of two vectors, ties at their mean rank."""
    return float(np.corrcoef(_ranks(a), _ranks(b))[0, 1])


def _ranks(values: np.ndarray) -> np.ndarray:
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return (last - (counts - 1) / 2)[inverse]


def held_out_views(count: int, *, size_px: int = 256) -> tuple[Tensor, Tensor]:
    """Return images (B, 3, S, S) in [0, 1] and disparities (B, S, S) of held-out scenes."""
    from shapes.world.shapes import HELD_OUT_FIRST_SEED, render_views

    images, disparities = [], []
    for start in range(0, count, RENDER_BATCH):
        seeds = range(start, min(start + RENDER_BATCH, count))
        views = render_views([HELD_OUT_FIRST_SEED + s for s in seeds], size_px=size_px)
        images.append(views.left)
        disparities.append(views.disparity_left_px)
    return torch.cat(images), torch.cat(disparities)


def read_photos(paths: Sequence[Path], *, size_px: int = 256) -> Tensor:
    """Return photographs, cropped to a centred square and resized, (B, 3, S, S) in [0, 1]."""
    from PIL import Image, ImageOps

    photos = []
    for path in paths:
        with Image.open(path) as photo:
            colours = photo.convert("RGB")
        square = ImageOps.fit(colours, (size_px, size_px), Image.Resampling.LANCZOS)
        photos.append(torch.from_numpy(np.asarray(square).copy()).permute(2, 0, 1) / 255)
    return torch.stack(photos)
