"""What cameras store beside the pixels: which way is up, colours, the focal length."""

import logging
import math
import struct
from functools import cache
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms, ImageOps

# A profile that moves no colour further than this is sRGB itself, as most are.
SAME_LEVELS = 2
CHART_LEVELS = (0, 32, 64, 128, 192, 255)
ORIENTATION = 0x0112
# What Pillow raises on EXIF data that are none.
EXIF_DAMAGE = (SyntaxError, ValueError, TypeError, KeyError, OSError, struct.error)
# Where a HEIF file has one of these boxes its EXIF orientation has been applied already.
TURNING_BOXES = (b"irot", b"imir")
HEIF_HEADER_BYTES = 2**20
# EXIF's own numbers of what tells the focal length.
EXIF_IFD, FOCAL_35MM, FOCAL_MM = 0x8769, 0xA405, 0x920A
PIXELS_PER_UNIT, RESOLUTION_UNIT, TAKEN_WIDTH, TAKEN_HEIGHT = 0xA20E, 0xA210, 0xA002, 0xA003
UNITS_MM = {2: 25.4, 3: 10.0, 4: 1.0}
DIAGONAL_35MM = math.hypot(36, 24)
# From a fisheye to a telescope; what lies outside is no focal length.
FOCAL_WIDTHS = (0.05, 100.0)

log = logging.getLogger(__name__)


def upright(image: Image.Image, name: str) -> Image.Image:
    """Turn a picture as its EXIF data say; what cannot be read there says nothing."""
    try:
        return ImageOps.exif_transpose(image)
    except EXIF_DAMAGE as error:
        log.warning("%s: its EXIF data cannot be read (%s)", name, error)
        return image


def standard_colours(image: Image.Image, *, name: str) -> Image.Image:
    """Convert a picture to RGB, by its colour profile where it has one; alpha is dropped.

    A profile that cannot be used is left aside, with a line of the log that names the picture.
    """
    plain = image if image.mode in ("L", "RGB", "CMYK") else image.convert("RGB")
    profile = image.info.get("icc_profile")
    if not profile:
        return plain.convert("RGB")
    try:
        transform = ImageCms.buildTransform(
            ImageCms.ImageCmsProfile(BytesIO(profile)),
            ImageCms.createProfile("sRGB"),
            plain.mode,
            "RGB",
            ImageCms.Intent.RELATIVE_COLORIMETRIC,
            ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
        if plain.mode == "RGB" and _changes_nothing(transform):
            return plain
        return ImageCms.applyTransform(plain, transform)
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError) as error:
        log.warning("%s: its colour profile cannot be used (%s)", name, error)
        return plain.convert("RGB")


def _changes_nothing(transform: ImageCms.ImageCmsTransform) -> bool:
    chart = _chart()
    moved = np.asarray(ImageCms.applyTransform(chart, transform)).astype(int)
    return bool(np.abs(moved - np.asarray(chart)).max() <= SAME_LEVELS)


@cache
def _chart() -> Image.Image:
    levels = np.array(CHART_LEVELS, np.uint8)
    colours = np.stack(np.meshgrid(levels, levels, levels), axis=-1)
    return Image.fromarray(colours.reshape(len(levels), -1, 3))


def restore_orientation(image: Image.Image, path: Path) -> None:
    """Give a HEIF picture its EXIF orientation back, unless the file says it in its own way.

    Its decoder turns pictures by the file's own boxes alone, which some programs do not write.
    """
    orientation = image.info.get("original_orientation")
    with path.open("rb") as file:
        head = file.read(HEIF_HEADER_BYTES)
    if orientation and not any(box in head for box in TURNING_BOXES):
        image.getexif()[ORIENTATION] = orientation


def focal_widths(image: Image.Image) -> float | None:
    """Return the focal length in widths of an upright picture by its EXIF; None where unknown.

    From the 35 mm equivalent, which is by the diagonal, else from the sensor's resolution.
    """
    exif = image.getexif().get_ifd(EXIF_IFD)
    width, height = image.size
    try:
        equivalent_mm = float(exif.get(FOCAL_35MM) or 0)
        focal_px = equivalent_mm / DIAGONAL_35MM * math.hypot(width, height)
        if not focal_px and exif.get(FOCAL_MM) and exif.get(PIXELS_PER_UNIT):
            unit_mm = UNITS_MM[int(exif.get(RESOLUTION_UNIT, 2))]
            sensor_px = float(exif[FOCAL_MM]) * float(exif[PIXELS_PER_UNIT]) / unit_mm
            taken = max(int(exif[TAKEN_WIDTH]), int(exif[TAKEN_HEIGHT]))
            focal_px = sensor_px * max(width, height) / taken
    except (KeyError, TypeError, ValueError, ZeroDivisionError, OverflowError):
        return None
    widths = focal_px / width
    return widths if FOCAL_WIDTHS[0] <= widths <= FOCAL_WIDTHS[1] else None
