"""A visitor's files: measured before they are decoded, then read as pictures and maps."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from stereo.app.limits import WORKING_PIXELS, Limits
from stereo.depth.disparity import NPY_DAMAGE, read_disparity
from stereo.images import DAMAGE, Fit, read_image


@dataclass(frozen=True)
class Picture:
    """An uploaded picture (H, W, 3) uint8, and the (width, height) it came with."""

    name: str
    image: np.ndarray
    uploaded_px: tuple[int, int]

    @property
    def size_px(self) -> tuple[int, int]:
        """Return (width, height)."""
        return self.image.shape[1], self.image.shape[0]

    @property
    def note(self) -> str:
        """Say when the picture was made smaller, else nothing."""
        if self.size_px == self.uploaded_px:
            return ""
        (width, height), (was_width, was_height) = self.size_px, self.uploaded_px
        return f"{was_width} × {was_height} px, worked on at {width} × {height} px"


def read_picture(path: Path, limits: Limits) -> Picture:
    """Read an upload, upright, and scale it down to what the page works with.

    Raises:
        ValueError: when it is no picture or has too many pixels; the message names the file alone.
    """
    _check_pixels(path, limits)
    with _naming(path):
        image = read_image(path)
    height, width = image.shape[:2]
    return Picture(path.name, _working_size(image), (width, height))


def read_map(
    path: Path, limits: Limits, *, size_px: tuple[int, int] | None, is_depth: bool = False
) -> np.ndarray:
    """Read an uploaded disparity or depth map as (H, W) float32, near = large.

    It is resized to `size_px` (width, height), or kept as it is for None.

    Raises:
        ValueError: when it cannot be used for a picture of that size.
    """
    _check_pixels(path, limits)
    with _naming(path):
        return read_disparity(path, size_px=size_px, is_depth=is_depth)


def _check_pixels(path: Path, limits: Limits) -> None:
    try:
        width, height = _size(path)
    except (*DAMAGE, *NPY_DAMAGE):
        return  # Reading it says what is wrong.
    if width * height > limits.megapixels * 1e6:
        raise ValueError(
            f"{path.name} has {width} × {height} pixels, "
            f"expected at most {limits.megapixels:g} megapixels"
        )


def _size(path: Path) -> tuple[int, int]:
    """Return (width, height) of a picture or map by its header."""
    if path.suffix.lower() == ".npy":
        shape = np.load(path, mmap_mode="r", allow_pickle=False).shape
        return int(np.prod(shape[1:])), shape[0]
    if path.suffix.lower() == ".pfm":
        with path.open("rb") as file:
            _, width, height = b" ".join(file.readline(80) for _ in range(3)).split()[:3]
        return int(width), int(height)
    with Image.open(path) as image:
        return image.size


def _working_size(image: np.ndarray) -> np.ndarray:
    height, width = image.shape[:2]
    scale = (WORKING_PIXELS / (width * height)) ** 0.5
    if scale >= 1:
        return image
    size_px = max(1, round(width * scale)), max(1, round(height * scale))
    return Fit((0, 0, width, height), size_px).image(image)


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Let errors name the file without the folder, which is the server's business."""
    try:
        yield
    except (ValueError, OSError) as error:
        raise ValueError(str(error).replace(str(path), path.name)) from error
