"""True disparity as the benchmarks store it: float32 pixels, NaN where unknown."""

from functools import partial
from pathlib import Path

import numpy as np

from stereo.depth import map_files
from stereo.images import SIXTEEN_BIT_MODES, open_image

KITTI_SCALE = 256
ARRAYS = (".pfm", ".npy")


def read_stored(path: Path, *, scale: float = 1, invalid: float | None = None) -> np.ndarray:
    """Read .png, .npy or .pfm as stored / scale; `invalid` (a stored value) means unknown.

    Raises:
        ValueError: when it cannot be used.
        OSError: when it cannot be read.
    """
    if path.suffix.lower() in ARRAYS:
        return _in_px(map_files.read_stored(path), path, scale, invalid)
    image = open_image(path)
    if image.mode not in SIXTEEN_BIT_MODES and scale >= KITTI_SCALE:
        raise ValueError(
            f"disparity: {path} is an 8-bit picture (mode {image.mode}), expected KITTI's 16-bit "
            "PNG; it was converted on the way, or is a coloured preview"
        )
    if image.mode not in (*SIXTEEN_BIT_MODES, "L"):
        raise ValueError(f"disparity: {path} has mode {image.mode}, expected one grey channel")
    return _in_px(np.asarray(image), path, scale, invalid)


# KITTI's 16-bit PNG holds 256 times the disparity, 0 where it is unknown.
read_kitti = partial(read_stored, scale=KITTI_SCALE, invalid=0)


def _in_px(stored: np.ndarray, path: Path, scale: float, invalid: float | None) -> np.ndarray:
    """Turn stored values (H, W) into pixels."""
    if stored.ndim != 2:
        expected = "a grey PFM ('Pf')" if path.suffix.lower() == ".pfm" else "numbers (H, W)"
        raise ValueError(f"disparity: {path} has shape {stored.shape}, expected {expected}")
    with np.errstate(all="ignore"):  # what overflows or divides by 0 is unknown
        values = stored.astype(np.float32) / np.float32(scale)
    unknown = ~np.isfinite(values)
    if invalid is not None:
        unknown |= stored == invalid
    return np.where(unknown, np.nan, values).astype(np.float32)
