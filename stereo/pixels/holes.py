"""Fusion at the picture's own size: warped pixels where there are any, filled holes elsewhere.

Holes are first continued from what borders on them, at full size. Denoising then changes that
filling at the model's size, and only its change is taken over: neither the autoencoder's blur nor
the model's size costs detail, and where nothing was changed there is no seam to see.
"""

import cv2
import numpy as np
import torch
import torch.nn.functional as F

from stereo.options import Eye

INPAINT_RADIUS_PX = 3
STREAK_ROWS = 3


def fill_holes(warped: np.ndarray, valid: np.ndarray, *, eye: Eye = "right") -> np.ndarray:
    """Continue what borders on the holes of a warped view into them.

    The mean of three ways whose errors differ: inpainting from all sides (Navier-Stokes,
    Bertalmio 2001), the background beside a hole repeated, and the background mirrored.

    Args:
        warped: (H, W, 3) uint8.
        valid: (H, W) bool, where it holds a value; these pixels are returned as they are.
        eye: whose view it is; it tells on which side of a hole the background lies.
    """
    if eye == "left":
        return fill_holes(warped[:, ::-1], valid[:, ::-1])[:, ::-1]
    if valid.all() or not valid.any():
        return warped
    holes = (~valid).astype(np.uint8)
    total = cv2.inpaint(warped, holes, INPAINT_RADIUS_PX, cv2.INPAINT_NS).astype(np.uint16)
    # Each row repeats another colour; their mean with the rows beside shows less of that.
    total += cv2.blur(stretch_background(warped, valid), (1, STREAK_ROWS))
    total += mirror_background(warped, valid)
    return np.where(valid[..., None], warped, ((total + 1) // 3).astype(np.uint8))


def stretch_background(right: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """Fill holes (False in `valid`, (H, W)) of a right view (H, W, 3) from their right side.

    What the right eye sees more of lies to the right of what covers it, so the right side of a
    hole is background. Holes at the right rim take their left side. Empty rows stay.
    """
    return _take(right, _background_columns(valid))


def mirror_background(right: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """Fill holes like `stretch_background`, with the background mirrored at its border.

    Where the mirror image would lie in another hole or outside, the border's colour is repeated.
    """
    columns, border = np.arange(valid.shape[1]), _background_columns(valid)
    # The first hole pixel beside the border shows the border's own pixel.
    mirrored = 2 * border - columns + np.sign(columns - border)
    inside = mirrored.clip(0, valid.shape[1] - 1)
    usable = (inside == mirrored) & np.take_along_axis(valid, inside, axis=1)
    return _take(right, np.where(usable, inside, border))


def _background_columns(valid: np.ndarray) -> np.ndarray:
    """Return (H, W) int: a pixel's own column, or that of the background nearest to a hole's."""
    width = valid.shape[1]
    columns = np.arange(width)
    before = np.maximum.accumulate(np.where(valid, columns, -1), axis=1)
    after = np.minimum.accumulate(np.where(valid, columns, width)[:, ::-1], axis=1)[:, ::-1]
    return np.where(after < width, after, before).clip(0)


def _take(image: np.ndarray, columns: np.ndarray) -> np.ndarray:
    return np.take_along_axis(image, columns[..., None], axis=1)


def fuse(filled: np.ndarray, valid: np.ndarray, change: torch.Tensor) -> np.ndarray:
    """Apply the change that denoising made to a filled view, inside its holes alone.

    Args:
        filled: (H, W, 3) uint8, warped pixels and continued holes.
        valid: (H, W) bool, what of it was warped; these pixels are returned as they are.
        change: (3, h, w) of any size, in levels of 255.

    Returns:
        (H, W, 3) uint8.
    """
    if valid.all():
        return filled
    grown = F.interpolate(change[None].float().cpu(), valid.shape, mode="bicubic")
    levels = filled + grown[0].permute(1, 2, 0).numpy()
    return np.where(valid[..., None], filled, np.rint(levels.clip(0, 255))).astype(np.uint8)
