"""Measures that several figures share."""

import math

import numpy as np
import torch
from scipy.stats import spearmanr
from torch import Tensor

from dpt.models import DPTDepthModel
from ldm.models.autoencoder import AutoencoderKL


@torch.no_grad()
def autoencoder_psnr(model: AutoencoderKL, images: Tensor) -> float:
    """Return the mean PSNR in dB of the reconstructions of images (B, 3, H, W) in [0, 1]."""
    decibels = []
    for image in images.split(1):
        decoded = model.decode(model.encode(2 * image - 1).mode()) / 2 + 0.5
        error = (decoded.clamp(0, 1) - image).square().mean().item()
        decibels.append(10 * math.log10(1 / max(error, 1e-10)))
    return float(np.mean(decibels))


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
    correlations = []
    for image, true in zip(images, disparities, strict=True):
        predicted = depth_model(2 * image[None] - 1)[0]
        known = true.isfinite()
        correlations.append(rank_correlation(predicted[known].numpy(), true[known].numpy()))
    return float(np.mean(correlations))


def rank_correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Return Spearman's correlation of two vectors, ties at their mean rank."""
    return float(spearmanr(a, b).statistic)
