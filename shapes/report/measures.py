"""Measures that several figures share."""

import math

import cv2
import numpy as np
import torch
from scipy.stats import spearmanr
from torch import Tensor

from dpt.models import DPTDepthModel
from ldm.models.autoencoder import AutoencoderKL

# A depth edge: a change of so much of the map's range within this share of its width.
EDGE_HEIGHT, EDGE_REACH = 0.1, 1 / 64


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


def partial_rank_correlation(a: np.ndarray, b: np.ndarray, given: np.ndarray) -> float:
    """Return the rank correlation of two vectors that is left when `given` is known."""
    ab, ac, bc = rank_correlation(a, b), rank_correlation(a, given), rank_correlation(b, given)
    return (ab - ac * bc) / math.sqrt(max((1 - ac**2) * (1 - bc**2), 1e-12))


def edge_precision(predicted: np.ndarray, true: np.ndarray) -> float:
    """Return the share of the pixels at predicted depth edges that lie at true ones.

    Both are disparities (H, W); where the true one is not finite, nothing is counted. Without a
    predicted edge the share is nan.
    """
    reach = 2 * max(1, round(EDGE_REACH * true.shape[1] / 2)) + 1
    known = np.isfinite(true)
    low, high = np.percentile(predicted[known], (2, 98))
    span = float(np.subtract(*np.percentile(true[known], (98, 2))))
    claimed = (local_range(predicted, reach) > EDGE_HEIGHT * max(high - low, 1e-12)) & known
    there = local_range(true, 2 * reach - 1) > EDGE_HEIGHT * span
    return float(there[claimed].mean()) if claimed.any() else math.nan


def local_range(disparity: np.ndarray, side_px: int) -> np.ndarray:
    """Return how far finite values (H, W) lie apart in the square around each pixel."""
    window, known = np.ones((side_px, side_px), np.uint8), np.isfinite(disparity)
    low, high = (
        np.where(known, disparity, fill).astype(np.float32)
        for fill in (disparity[known].max(), disparity[known].min())
    )
    return cv2.dilate(high, window) - cv2.erode(low, window)
