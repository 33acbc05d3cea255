"""Naming the colour of each pixel, by rule: nothing is learned here.

A pixel has the name of the nearest of the world's ten colours under any shade, in CIE Lab with
little weight on lightness, which light and shadow decide more than paint does.
"""

from functools import lru_cache

import numpy as np

from shapes.world.materials import COLOURS

COLOUR_NAMES = tuple(COLOURS)
SHADES = np.linspace(0.45, 1.2, 16)
LIGHTNESS_WEIGHT = 0.1
LEVELS = 32

SRGB_TO_XYZ = np.array(
    ((0.412453, 0.357580, 0.180423), (0.212671, 0.715160, 0.072169), (0.019334, 0.119193, 0.950227))
)
WHITE_XYZ = np.array((0.95047, 1.0, 1.08883))  # D65


def lab(colours: np.ndarray) -> np.ndarray:
    """Turn sRGB colours (..., 3) in [0, 1] into CIE Lab."""
    linear = np.where(colours > 0.04045, ((colours + 0.055) / 1.055) ** 2.4, colours / 12.92)
    xyz = linear @ SRGB_TO_XYZ.T / WHITE_XYZ
    root = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    x, y, z = np.moveaxis(root, -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], -1)


def colour_names(image: np.ndarray) -> np.ndarray:
    """Return the index in `COLOUR_NAMES` of each pixel of an image (H, W, 3) uint8: (H, W)."""
    cell = image // (256 // LEVELS)
    return _table()[cell[..., 0], cell[..., 1], cell[..., 2]]


def colour_shares(image: np.ndarray, mask: np.ndarray) -> dict[str, float]:
    """Return the share of each colour among the pixels of `mask` (H, W) bool; empty for none."""
    if not mask.any():
        return {}
    counts = np.bincount(colour_names(image)[mask], minlength=len(COLOUR_NAMES))
    return dict(zip(COLOUR_NAMES, (counts / mask.sum()).tolist(), strict=True))


@lru_cache(maxsize=1)
def _table() -> np.ndarray:
    """Return the name of every colour, (32, 32, 32), at the middle of each cell."""
    axis = (np.arange(LEVELS) + 0.5) / LEVELS
    cells = lab(np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), -1))  # (32, 32, 32, 3)
    weight = np.array((LIGHTNESS_WEIGHT, 1, 1))
    distances = []
    for colour in COLOURS.values():
        shaded = lab(np.clip(np.outer(SHADES, colour), 0, 1))
        away = ((cells[..., None, :] - shaded) ** 2 * weight).sum(-1)  # (32, 32, 32, shades)
        distances.append(away.min(-1))
    return np.argmin(distances, axis=0)
