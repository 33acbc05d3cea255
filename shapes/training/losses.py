"""Training losses: pure functions of tensors, each returning a scalar."""

import torch.nn.functional as F
from torch import Tensor

NEGLIGIBLE = 1e-6


def gradients(x: Tensor) -> tuple[Tensor, Tensor]:
    """Return the differences of neighbouring values of (..., H, W) along x and along y."""
    return x[..., :, 1:] - x[..., :, :-1], x[..., 1:, :] - x[..., :-1, :]


def gradient_loss(predicted: Tensor, target: Tensor) -> Tensor:
    """Return the mean absolute difference of the gradients of two (..., H, W)."""
    pairs = zip(gradients(predicted), gradients(target), strict=True)
    return sum((a - b).abs().mean() for a, b in pairs) / 2


def reconstruction_loss(predicted: Tensor, target: Tensor, *, gradient_weight: float) -> Tensor:
    """Return L1 at full and at an eighth of the size plus the gradient loss of (B, C, H, W)."""
    coarse = F.l1_loss(F.avg_pool2d(predicted, 8), F.avg_pool2d(target, 8))
    fine = F.l1_loss(predicted, target)
    return fine + coarse + gradient_weight * gradient_loss(predicted, target)


def standardise(disparity: Tensor) -> Tensor:
    """Bring each map of (B, H, W) to median 0 and mean absolute deviation 1.

    (Ranftl et al. 2020, Eq. 5)
    """
    flat = disparity.flatten(1)
    centred = flat - flat.median(dim=1, keepdim=True).values
    deviation = centred.abs().mean(1, keepdim=True)
    return (centred / (deviation + NEGLIGIBLE)).view_as(disparity)


def disparity_loss(
    predicted: Tensor, target: Tensor, *, gradient_weight: float = 0.5, scales: int = 4
) -> Tensor:
    """Return the scale- and shift-invariant loss of disparities (B, H, W).

    Both maps are standardised, compared by L1, and their gradients at `scales` resolutions.
    (Ranftl et al. 2020, Eq. 6 and 11)
    """
    predicted, target = standardise(predicted), standardise(target)
    loss = F.l1_loss(predicted, target)
    for scale in range(scales):
        step = 2**scale
        coarse = [maps[..., ::step, ::step] for maps in (predicted, target)]
        loss = loss + gradient_weight * gradient_loss(*coarse)
    return loss
