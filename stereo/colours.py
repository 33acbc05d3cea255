"""Colour profiles of photographs: everything becomes sRGB, which is what networks were shown."""

import logging
from functools import cache
from io import BytesIO

import numpy as np
from PIL import Image, ImageCms

# A profile that moves no colour further than this is sRGB itself, as most are.
SAME_LEVELS = 2
CHART_LEVELS = (0, 32, 64, 128, 192, 255)

log = logging.getLogger(__name__)


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
