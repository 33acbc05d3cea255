"""The user's disparity and depth maps: whatever they store becomes disparity, near = large."""

import logging
from pathlib import Path

import numpy as np
import torch

from stereo.depth.disparity import check_disparity, check_proportions
from stereo.depth.map_files import read_stored
from stereo.fit import Fit
from stereo.images import MAX_MEGAPIXELS
from stereo.method.shift import fill_with_background
from stereo.options import MapKind

KITTI_STEPS_PER_PX = 256
# A map is sparse where so many known pixels have a zero beside them: zeros are gaps then.
SPARSE_SHARE = 0.3
# A map is flat when its range without so many of its pixels is less than that share of the whole.
FEW_PIXELS, FLAT_SHARE, SMALL_MAP_PIXELS = 0.001, 0.02, 1000
# Lossy compression tints a grey picture by some of its 256 levels.
TINT_LEVELS, MEAN_TINT = 12, 1.5

log = logging.getLogger(__name__)


def read_disparity(
    path: str | Path,
    *,
    kind: MapKind = "near-bright",
    size_px: tuple[int, int] | None = None,
    max_megapixels: float = MAX_MEGAPIXELS,
) -> np.ndarray:
    """Read a map as disparity (H, W) float32, near = large.

    NaN, infinite disparity and depth 0 are unknown, and so are the zeros of a sparse map; they are
    filled along rows from what is farther, and one line of the log says how many. 16-bit pictures
    in pixels that are too large for that are read as KITTI's, 256 to the pixel.

    Args:
        path: a picture, .npy, .npz, .pfm or .exr; or a HEIC photo, whose own depth is taken.
        kind: what it stores: relative disparity, its opposite, metric depth, or pixels.
        size_px: (width, height) that a map of these proportions is resized to.
        max_megapixels: more are refused before they are decoded.

    Raises:
        FileNotFoundError: when there is no such file.
        ValueError: when the map cannot be used.
    """
    path = Path(path)
    name = f"disparity {path}"
    stored = read_stored(path, max_megapixels)
    values = _one_channel(stored, name)
    is_short = stored.dtype.kind in "ui" and stored.dtype.itemsize > 1
    if kind == "disparity_px" and is_short and values.max(initial=0) > values.shape[1] / 2:
        log.info("%s: read as KITTI's, %d to the pixel", name, KITTI_STEPS_PER_PX)
        values = np.where(values == 0, np.nan, values / KITTI_STEPS_PER_PX)
    with np.errstate(over="ignore"):  # too large for float32 is infinite, which is unknown
        values = _as_disparity(values, kind, name).astype(np.float32)
    values = _filled(values, name)
    if size_px is not None and size_px != values.shape[::-1]:
        check_proportions(values, size_px, name=name)
        values = Fit((0, 0, values.shape[1], values.shape[0]), size_px).map(values)
    check_use(values, kind, name)
    return values


def _as_disparity(values: np.ndarray, kind: MapKind, name: str) -> np.ndarray:
    """Return stored values (H, W) as disparity, NaN where they are unknown."""
    if kind == "depth":
        if (values < 0).any():
            raise ValueError(f"depth of {name} is negative; expected metres, 0 where unknown")
        unknown = (values == 0) | np.isnan(values)
        return np.where(unknown, np.nan, 1 / np.where(unknown, 1.0, values))  # 1 / inf is far
    if _is_sparse(values):
        values = np.where(values == 0, np.nan, values)
    return -values if kind == "far-bright" else values


def _is_sparse(values: np.ndarray) -> bool:
    known = values != 0
    padded = np.pad(known, 1, constant_values=True)
    beside = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return bool(values.size) and (known & ~beside).sum() > SPARSE_SHARE * known.sum()


def _filled(values: np.ndarray, name: str) -> np.ndarray:
    unknown = int((~np.isfinite(values)).sum())
    if not unknown:
        return values
    if unknown == values.size:
        raise ValueError(f"{name} has no known value, only NaN or infinite ones")
    share = 100 * unknown / values.size
    log.info("%s: %d unknown values (%.1f %%), filled along rows", name, unknown, share)
    return fill_rows(values)


def fill_rows(disparity: np.ndarray) -> np.ndarray:
    """Fill what is not finite in (H, W) with the farther row neighbour; empty rows copy the next.

    Raises:
        ValueError: when there is no value at all.
    """
    known = np.isfinite(disparity)
    if not known.any():
        raise ValueError("disparity: got no known pixel, expected some")
    values, valid = (torch.from_numpy(a)[None, None] for a in (disparity.astype(np.float32), known))
    rows = fill_with_background(values, valid)[0, 0].numpy()
    full, every = np.flatnonzero(known.any(axis=1)), np.arange(len(rows))
    below = np.searchsorted(full, every).clip(max=len(full) - 1)
    above = (below - 1).clip(min=0)
    is_above = every - full[above] <= full[below] - every
    return rows[full[np.where(is_above & (full[below] != every), above, below)]]


def check_use(disparity: np.ndarray, kind: MapKind, name: str) -> None:
    """Raise ValueError where a map (H, W) says nothing, or moves things out of the picture."""
    check_disparity(disparity, name=name, may_be_flat=kind == "disparity_px")
    if kind == "disparity_px":
        largest, width = float(np.abs(disparity).max()), disparity.shape[1]
        if largest > width:
            raise ValueError(
                f"{name} shifts by up to {largest:g} px, expected at most the picture's {width} px;"
                " what else it stores, --map says"
            )
    elif disparity.size >= SMALL_MAP_PIXELS:
        ends = np.quantile(disparity, [0, FEW_PIXELS / 2, 1 - FEW_PIXELS / 2, 1])
        if ends[2] - ends[1] < FLAT_SHARE * (ends[3] - ends[0]):
            raise ValueError(
                f"{name} is flat but for a few pixels, read as {kind}; where it stores something "
                "else, say so with --map"
            )


def _one_channel(values: np.ndarray, name: str) -> np.ndarray:
    """Return (H, W) float64; axes of length 1 and channels that say the same are dropped."""
    if not isinstance(values, np.ndarray) or values.dtype.kind not in "fiub" or not values.size:
        raise ValueError(f"{name} is no array of numbers, or an empty one")
    shape = values.shape
    if values.ndim > 2:
        values = values.reshape([length for length in shape if length != 1])
    if values.ndim == 3 and values.shape[2] == 3:
        tint = np.ptp(values, axis=2)
        if not tint.any():
            values = values[..., 0]
        elif values.dtype == np.uint8 and tint.max() <= TINT_LEVELS and tint.mean() < MEAN_TINT:
            values = values.mean(axis=2)
    if values.ndim != 2:
        raise ValueError(
            f"{name} has shape {shape}, expected one channel: no map, or no depth in it"
        )
    return values.astype(np.float64)
