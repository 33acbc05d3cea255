"""Reading photographs of any kind."""

import glob
import logging
import struct
import warnings
import zlib
from functools import cache
from pathlib import Path
from threading import Lock
from typing import TypeAlias

import numpy as np
import pillow_heif
from PIL import Image

from stereo.camera import restore_orientation, standard_colours, upright

MAX_MEGAPIXELS = 250.0
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
