"""Fitting pictures, and maps beside them, to sizes that a model can take."""

from dataclasses import dataclass

import numpy as np
from PIL import Image

MAX_ASPECT = 4


@dataclass(frozen=True)
class Fit:
    """A crop (left, top, right, bottom, source px) and the (width, height) it is resized to.

    One `Fit` serves an image and the maps that belong to it.
    """

    crop_px: tuple[float, float, float, float]
    size_px: tuple[int, int]

    def image(self, image: np.ndarray) -> np.ndarray:
        """Fit (H, W, 3) uint8; returns (height, width, 3) uint8."""
        if self.is_identity(image.shape):
            return image
        return np.array(
            Image.fromarray(image).resize(
                self.size_px, Image.Resampling.LANCZOS, box=self.crop_px, reducing_gap=None
            )
        )

    def map(self, values: np.ndarray) -> np.ndarray:
        """Fit (H, W) float; returns (height, width) float32, without overshoot."""
        values = values.astype(np.float32)
        if self.is_identity(values.shape):
            return values
        resized = Image.fromarray(values).resize(
            self.size_px, Image.Resampling.BILINEAR, box=self.crop_px
        )
        return np.array(resized)

    def is_identity(self, shape: tuple[int, ...]) -> bool:
        """Tell whether an array of `shape` (H, W, ...) would be left as it is."""
        height, width = shape[:2]
        return self.size_px == (width, height) and self.crop_px == (0, 0, width, height)


@dataclass(frozen=True)
class PublishedFit(Fit):
    """A crop of whole pixels, resized as the published scripts do, by Pillow's bicubic filter.

    With `lowered` 24 grey levels come out one lower, as where the photo's script goes through
    floating point and truncates.
    """

    lowered: bool = False

    def image(self, image: np.ndarray) -> np.ndarray:
        """Fit (H, W, 3) uint8; returns (height, width, 3) uint8."""
        left, top, right, bottom = map(int, self.crop_px)
        # Cut first: given a box, Pillow would look at the pixels beyond it.
        cut = Image.fromarray(image[top:bottom, left:right])
        resized = np.array(cut.resize(self.size_px, Image.Resampling.BICUBIC))
        if not self.lowered:
            return resized
        return (resized * (1 / 255) * 255).astype(np.uint8)


def published_square_fit(width: int, height: int, *, size_px: int) -> PublishedFit:
    """Plan the centred square of the published img2stereo, at a whole offset."""
    side = min(width, height)
    left, top = (width - side) // 2, (height - side) // 2
    return PublishedFit((left, top, left + side, top + side), (size_px, size_px), lowered=True)


def published_stretched_fit(width: int, height: int, *, size_px: int) -> PublishedFit:
    """Plan the whole picture stretched to a square, as the published depth2stereoimg does."""
    return PublishedFit((0, 0, width, height), (size_px, size_px))


def square_fit(width: int, height: int, *, size_px: int) -> Fit:
    """Plan the largest centred square, resized to `size_px`."""
    return covering_fit(width, height, size_px=(size_px, size_px))


def covering_fit(width: int, height: int, *, size_px: tuple[int, int]) -> Fit:
    """Plan the largest centred crop with the proportions of `size_px` (width, height)."""
    scale = min(width / size_px[0], height / size_px[1])
    crop_width, crop_height = size_px[0] * scale, size_px[1] * scale
    left, top = (width - crop_width) / 2, (height - crop_height) / 2
    # Rounding may leave the box a hair outside the image, which Pillow refuses.
    crop = (left, top, min(left + crop_width, width), min(top + crop_height, height))
    return Fit(tuple(max(edge, 0.0) for edge in crop), size_px)


def multiple_fit(width: int, height: int, *, size_px: int, multiple: int = 64) -> Fit:
    """Plan a size near the image's proportions whose sides are multiples of `multiple`.

    The short side becomes `size_px`; the long one the nearest multiple, by a small centred crop.
    Longer than four times the short side is cut off: no model can make anything of it.
    """
    if size_px < multiple or size_px % multiple:
        raise ValueError(f"size_px is {size_px}; expected a multiple of {multiple}")
    ratio = size_px / min(width, height)
    longest = MAX_ASPECT * size_px
    fitted_width, fitted_height = (
        min(max(round(side * ratio / multiple) * multiple, size_px), longest)
        for side in (width, height)
    )
    return covering_fit(width, height, size_px=(fitted_width, fitted_height))
