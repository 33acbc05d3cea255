"""Reading photographs of any kind, and fitting them to sizes that a model can take."""

import glob
import logging
import struct
import warnings
import zlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from threading import Lock
from typing import TypeAlias

import numpy as np
import pillow_heif
from PIL import Image

from stereo.camera import restore_orientation, standard_colours, upright

MAX_MEGAPIXELS = 250.0
MAX_ASPECT = 4
SIXTEEN_BIT_MODES = ("I", "I;16", "I;16B", "I;16L", "I;16N")
# Formats that Pillow only knows the names of, or hands to other programs; PFM holds maps.
NOT_DECODED = {"BUFR", "EPS", "FITS", "GRIB", "HDF5", "MPEG", "WMF"}
NO_PICTURE_SUFFIXES = {".pfm"}
NAMED_AT_MOST = 8
# What Pillow's decoders raise on damaged files.
DAMAGE = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    EOFError,
    IndexError,
    KeyError,
    OverflowError,
    MemoryError,
    RuntimeError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,
)

# A file, a picture of any mode, or (H, W, 3) uint8.
ImageLike: TypeAlias = np.ndarray | Image.Image | str | Path

log = logging.getLogger(__name__)
_opening = Lock()


@cache
def decoders() -> tuple[str, ...]:
    """Return the names of the formats that pictures and maps may have."""
    pillow_heif.register_heif_opener()
    Image.init()
    return tuple(sorted(set(Image.OPEN) - NOT_DECODED))


@cache
def picture_suffixes() -> frozenset[str]:
    """Return the endings of picture files, in small letters, those that the decoders know."""
    known = {*decoders(), "MPO"}  # which is opened as JPEG
    suffixes = {end for end, name in Image.registered_extensions().items() if name in known}
    return frozenset(suffixes - NO_PICTURE_SUFFIXES)


def read_image(path: str | Path, *, max_megapixels: float = MAX_MEGAPIXELS) -> np.ndarray:
    """Read an image file as (H, W, 3) uint8 sRGB, upright, transparency shown over white.

    Raises: FileNotFoundError; ValueError when the file is no complete image of a usable size.
    """
    return to_rgb(open_image(path, max_megapixels=max_megapixels), name=f"image {path}")


def to_rgb(image: ImageLike, *, name: str = "image") -> np.ndarray:
    """Turn a picture of any mode into (H, W, 3) uint8 sRGB, upright, transparency over white.

    Raises: ValueError when it has no 8 or 16 bits, or for any other array than such a one.
    """
    if isinstance(image, str | Path):
        return read_image(image)
    if not isinstance(image, Image.Image):
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
            raise ValueError(f"{name} is {image.shape} {image.dtype}; expected (H, W, 3) uint8")
        return image
    image = upright(image, name)
    if image.mode in SIXTEEN_BIT_MODES:
        image = _eight_bit(image, name)
    if image.mode == "F":
        raise ValueError(f"{name} holds floating-point values; expected an 8 or 16-bit image")
    if not image.has_transparency_data:
        return np.array(standard_colours(image, name=name))
    alpha = image.convert("RGBA").getchannel("A")
    coloured = standard_colours(image, name=name)
    coloured.putalpha(alpha)
    white = Image.new("RGBA", image.size, (255, 255, 255, 255))
    return np.array(Image.alpha_composite(white, coloured).convert("RGB"))


def open_image(
    path: str | Path, *, what: str = "image", max_megapixels: float = MAX_MEGAPIXELS
) -> Image.Image:
    """Decode an image file in its own mode, turned upright; `what` names it in messages.

    Raises: FileNotFoundError; ValueError when the file is no complete image of a usable size.
    """
    path = Path(path)
    check_file(path, what=what)
    try:
        with _open(path) as image:
            check_pixels(image.size, max_megapixels)
            image.load()
            if image.format == "HEIF":
                restore_orientation(image, path)
            return upright(image, f"{what} {path}")
    except DAMAGE as error:
        why = reason(error)
        if isinstance(error, Image.UnidentifiedImageError):
            why = "not an image format known here"
        raise ValueError(f"{what} {path} cannot be read: {why}") from error


def _open(path: Path) -> Image.Image:
    """Open a file whatever its size; Pillow's own limit is far below that of cameras."""
    with _opening, warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            return Image.open(path, formats=decoders())
        finally:
            Image.MAX_IMAGE_PIXELS = limit


def check_pixels(size: tuple[int, int], max_megapixels: float) -> None:
    """Raise ValueError where a picture of (width, height) has more pixels than are wanted."""
    if size[0] * size[1] > max_megapixels * 1e6:
        raise ValueError(
            f"it has {size[0]} x {size[1]} pixels, expected at most {max_megapixels:g} megapixels "
            "(max_megapixels)"
        )


def reason(error: BaseException) -> str:
    """Return what a decoder says about a damaged file, as one line."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def check_file(path: Path, *, what: str) -> None:
    """Raise unless `path` is a file that holds something; `what` names it in the message."""
    if path.is_dir():
        raise ValueError(f"{what} {path} is a folder; expected a file")
    if not path.exists():
        raise FileNotFoundError(f"{what} {path} does not exist")
    if not path.is_file():
        raise ValueError(f"{what} {path} is a device or a pipe; expected a file")
    if not path.stat().st_size:
        raise ValueError(f"{what} {path} is empty (0 bytes)")


def _eight_bit(image: Image.Image, name: str) -> Image.Image:
    values = np.asarray(image).astype(np.int64)
    if values.min() < 0 or values.max() > 65535:
        raise ValueError(
            f"{name} has values from {values.min()} to {values.max()}; expected 0 to 65535"
        )
    return Image.fromarray(((values + 128) // 257).astype(np.uint8))


def list_images(path: str | Path) -> list[Path]:
    """Return the image files that a file, a folder (not its subfolders) or a glob names, sorted.

    What else is there, apart from folders and hidden files, is named in one line of the log.

    Raises: FileNotFoundError when there is no image.
    """
    path = Path(path)
    if path.is_file():
        return [path]
    entries = list(path.iterdir()) if path.is_dir() else matches(path)
    files = sorted(entry for entry in entries if entry.is_file() and entry.name[0] != ".")
    images = [entry for entry in files if entry.suffix.lower() in picture_suffixes()]
    others = [ascii(entry.name)[1:-1] for entry in files if entry not in set(images)]
    if others:
        more = f" and {len(others) - NAMED_AT_MOST} more" if len(others) > NAMED_AT_MOST else ""
        log.info("left out, no pictures by name: %s%s", ", ".join(others[:NAMED_AT_MOST]), more)
    if not images:
        kind = "no image in folder" if path.is_dir() else "no such file, folder or pattern:"
        raise FileNotFoundError(f"{kind} {path}")
    return images


def matches(pattern: Path) -> list[Path]:
    """Return what a glob pattern matches; a folder of that very name is no pattern."""
    parts, folder = list(pattern.parts), Path()
    while parts and (folder / parts[0]).is_dir():
        folder /= parts.pop(0)
    found = glob.glob(str(Path(glob.escape(str(folder)), *parts)), recursive=True)
    return sorted(map(Path, found))


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
