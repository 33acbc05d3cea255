"""A visitor's files: read as pictures and maps within the page's limits, the oldest removed."""

import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from stereo.app.settings import MEGABYTE, Limits
from stereo.depth.maps import read_disparity
from stereo.fit import Fit
from stereo.images import read_image
from stereo.options import MapKind

# Folders beside those of uploads.
KEPT = ("results", "examples")

log = logging.getLogger(__name__)


def read_picture(path: Path, limits: Limits) -> np.ndarray:
    """Read an upload, upright, as (H, W, 3) uint8.

    Raises:
        ValueError: when it is no picture or has too many pixels; the message names the file alone.
    """
    with _naming(path):
        return read_image(path, max_megapixels=limits.max_megapixels)


def read_map(
    path: Path, limits: Limits, *, size_px: tuple[int, int] | None, kind: MapKind = "near-bright"
) -> np.ndarray:
    """Read an uploaded disparity or depth map as (H, W) float32, near = large.

    It is resized to `size_px` (width, height), or kept as it is for None.

    Raises:
        ValueError: when it cannot be used for a picture of that size.
    """
    with _naming(path):
        return read_disparity(
            path, kind=kind, size_px=size_px, max_megapixels=limits.max_megapixels
        )


def shrunk(values: np.ndarray, pixels: int) -> np.ndarray:
    """Scale a picture (H, W, 3) uint8 or a map (H, W) down to at most about so many pixels."""
    height, width = values.shape[:2]
    scale = min(1.0, (pixels / (width * height)) ** 0.5)
    size_px = max(1, round(width * scale)), max(1, round(height * scale))
    fit = Fit((0, 0, width, height), size_px)
    return fit.image(values) if values.ndim == 3 else fit.map(values)


def make_room(folder: Path, limits: Limits) -> None:
    """Remove the oldest uploads until another one of the largest size fits, and say so."""
    uploads = [entry for entry in folder.iterdir() if entry.is_dir() and entry.name not in KEPT]
    sizes = {entry: sum(path.stat().st_size for path in entry.rglob("*")) for entry in uploads}
    excess = sum(sizes.values()) - (limits.max_uploads_mb - limits.upload_mb) * MEGABYTE
    removed = 0
    for entry in sorted(uploads, key=lambda path: path.stat().st_mtime):
        if excess <= 0:
            break
        shutil.rmtree(entry, ignore_errors=True)
        excess, removed = excess - sizes[entry], removed + 1
    if removed:
        log.warning("removed the %d oldest uploads to make room for new ones", removed)


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Let errors name the file without the folder, which is the server's business."""
    if not path.exists():
        raise ValueError(f"{path.name} is no longer here, other uploads needed the room: choose it")
    try:
        yield
    except (ValueError, OSError) as error:
        raise ValueError(str(error).replace(str(path), path.name)) from error
