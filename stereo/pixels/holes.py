"""Fusion at the picture's own size: warped pixels where there are any, filled holes elsewhere.

Holes are first continued from their background, at full size. Denoising then changes that filling
at the model's size, and only its change is taken over: neither the autoencoder's blur nor the
model's size costs detail, and where nothing was changed there is no seam to see.
"""

import numpy as np
import torch
import torch.nn.functional as F

from stereo.options import Eye
from stereo.pixels.background import Background, background_of, nearest_columns
from stereo.pixels.pyramid import look_up, push_pull, pyramid, row_pyramid

# A hole's colour is the mean over so much of its distance from the background, times it.
SMOOTH_SHARE = 0.5
# Detail is what is finer than this share of that distance, weakened by `DETAIL_GAIN`.
DETAIL_SHARE, DETAIL_GAIN = 0.5, 0.5


def fill_holes(
    warped: np.ndarray, valid: np.ndarray, disparity_px: np.ndarray, *, eye: Eye = "right"
) -> tuple[np.ndarray, np.ndarray]:
    """Continue the background of a warped view's holes into them.

    Colours are the mean of two smooth continuations, each over an area that grows with the
    distance, so that no row leaves a streak: from around the hole, and along its border. Onto them
    comes the background's fine detail, mirrored at the border; what is coarser than half of the
    distance would show as a mirrored object, and is left out.

    Args:
        warped: (H, W, 3) uint8.
        valid: (H, W) bool, where it holds a value.
        disparity_px: (H, W) of the same view; what it holds in holes does not matter.
        eye: whose view it is.

    Returns:
        The filled view, and `valid` less the pixels that showed an object's rim on the background:
        those are filled, too, all others returned as they are.
    """
    if eye == "left":
        mirrored = (values[:, ::-1] for values in (warped, valid, disparity_px))
        filled, kept = fill_holes(*map(np.ascontiguousarray, mirrored))
        return filled[:, ::-1], kept[:, ::-1]
    if valid.all() or not valid.any():
        return warped, valid
    background = background_of(valid, disparity_px)
    holes = ~valid | background.stained
    rows, columns = np.nonzero(holes)
    border = background.border[rows, columns]
    distance_px = np.abs(columns - border).astype(np.float32)
    image = warped.astype(np.float32)
    around = push_pull(image, background.usable.astype(np.float32))
    colours = around[rows, columns]
    colours += _along_border(image, holes, background, (rows, columns), colours, distance_px)
    colours /= 2
    around[background.usable] = image[background.usable]
    source = _mirrored_columns(background, rows, columns)
    level = np.log2(np.maximum(DETAIL_SHARE * distance_px, 1))
    coarse = look_up(pyramid(around), rows, source, level)
    colours += DETAIL_GAIN * (around[rows, source] - coarse)
    filled = warped.copy()
    filled[rows, columns] = np.rint(colours.clip(0, 255)).astype(np.uint8)
    return filled, ~holes


def _along_border(
    image: np.ndarray,
    holes: np.ndarray,
    background: Background,
    places: tuple[np.ndarray, np.ndarray],
    otherwise: np.ndarray,
    distance_px: np.ndarray,
) -> np.ndarray:
    """Return the border's colours at n pixels of holes (n, 3), smoothed over rows by distance.

    `otherwise` (n, 3) holds where a hole has no usable border.
    """
    has_border = np.take_along_axis(background.usable, background.border, axis=1)
    weight = ((holes | background.usable) & has_border)[..., None].astype(np.float32)
    stretched = np.take_along_axis(image, background.border[..., None], axis=1)
    levels = row_pyramid(np.concatenate([stretched * weight, weight], axis=2))
    level = np.log2(np.maximum(SMOOTH_SHARE * distance_px, 1))
    found = look_up(levels, *places, level)
    weight = found[:, 3:]
    return np.where(weight > 1e-4, found[:, :3] / np.maximum(weight, 1e-4), otherwise)


def _mirrored_columns(background: Background, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Return the column that each of n pixels of holes mirrors: to and fro on usable ones."""
    border = background.border[rows, columns]
    away = np.where(background.is_right[rows, columns], 1, -1)
    before, after = nearest_columns(~background.usable)
    beyond = np.where(away > 0, after[rows, border], before[rows, border])
    length = np.abs(beyond - border).clip(1)
    # The hole's first pixel shows the border's own.
    step = (np.abs(columns - border) - 1).clip(0) % (2 * length)
    return border + away * np.minimum(step, 2 * length - 1 - step)


def stretch_background(right: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """Fill holes (False in `valid`, (H, W)) of a right view (H, W, 3) from their right side.

    What the right eye sees more of lies to the right of what covers it, so the right side of a
    hole is background. Holes at the right rim take their left side. Empty rows stay.
    """
    before, after = nearest_columns(valid)
    columns = np.where(after < valid.shape[1], after, before).clip(0)
    return np.take_along_axis(right, columns[..., None], axis=1)


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
