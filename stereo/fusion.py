"""Fusion at the picture's own size: warped pixels where there are any, generated ones in holes."""

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

# The rim of a hole mixes both sides' colours in the left view, so it counts as hole too.
RIM_PX = 1


def fuse(warped: np.ndarray, valid: np.ndarray, generated: np.ndarray) -> np.ndarray:
    """Fill the holes of a warped view with a generated one, without a seam.

    Along the rim of a hole the two differ by some offset of colour; that offset is continued
    smoothly into the hole and taken off what was generated there, so the join does not show
    (the membrane of Perez et al., SIGGRAPH 2003, by pull-push instead of a solver).

    Args:
        warped: (H, W, 3) uint8.
        valid: (H, W) bool, where it holds a value; these pixels are returned as they are, but
            for the rim.
        generated: (h, w, 3) uint8 of any size.

    Returns:
        (H, W, 3) uint8.
    """
    kept = ~widen(~valid, RIM_PX)
    height, width = valid.shape
    resized = Image.fromarray(generated).resize((width, height), Image.Resampling.BICUBIC)
    filling = np.asarray(resized, np.float32)
    offset = np.where(kept[..., None], warped - filling, 0)
    joined = filling + continue_smoothly(offset, kept)
    return np.where(kept[..., None], warped, np.rint(joined.clip(0, 255))).astype(np.uint8)


def continue_smoothly(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Continue (H, W, C) float32 from where it is known (H, W) into the rest, by pull-push."""
    stacked = torch.from_numpy(values).permute(2, 0, 1).unsqueeze(0)  # (1, C, H, W)
    weight = torch.from_numpy(known).float()[None, None]
    return _pull_push(stacked, weight).squeeze(0).permute(1, 2, 0).numpy()


def _pull_push(values: Tensor, weight: Tensor) -> Tensor:
    """Fill where weight (1, 1, H, W) is 0 from ever coarser means of where it is not."""
    size = values.shape[-2:]
    if bool((weight > 0).all()) or max(size) == 1:
        return values
    mass = F.avg_pool2d(weight, 2, ceil_mode=True, count_include_pad=False)
    mean = F.avg_pool2d(values * weight, 2, ceil_mode=True, count_include_pad=False)
    coarse = _pull_push(mean / mass.clamp(min=1e-6), (mass > 0).float())
    filled = F.interpolate(coarse, size, mode="bilinear")
    return torch.where(weight > 0, values, filled)


def widen(mask: np.ndarray, by_px: int) -> np.ndarray:
    """Grow the True parts of a mask (H, W) by some pixels in every direction."""
    grown = F.max_pool2d(torch.from_numpy(mask).float()[None, None], 2 * by_px + 1, 1, by_px)
    return grown[0, 0].bool().numpy()
