"""Read a viewer's page again: the pair that it shows, and the settings that it carries."""

import base64
import re
from io import BytesIO
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from stereo.formats.metadata import from_text
from stereo.pair import StereoPair

SETTINGS = re.compile(r'<script type="application/json" id="pair-settings">(.*?)</script>', re.S)
PICTURE = r'<img id="{}"[^>]* src="data:image/(?:png|jpeg);base64,([^"]*)"'


def read_page(path: Path) -> StereoPair:
    """Read the pair of a viewer's page; its disparity has 16 bits, large views are JPEG.

    Raises:
        ValueError: when the file is no page of the viewer.
        OSError: when it cannot be read.
    """
    page = _text(path)
    left, right, maps = (_picture(page, name, path) for name in ("left", "right", "maps"))
    if left.shape != right.shape:
        raise ValueError(f"path: {path} holds pictures of different sizes")
    disparity = (maps[..., 0].astype(np.float32) * 256 + maps[..., 1]) / 65535
    size = left.shape[1], left.shape[0]
    disparity = cv2.resize(disparity, size, interpolation=cv2.INTER_LINEAR)
    holes = cv2.resize(maps[..., 2], size, interpolation=cv2.INTER_NEAREST)
    return StereoPair(left, right, disparity, holes == 0, read_page_settings(path))


def read_page_settings(path: Path) -> dict[str, Any]:
    """Read the settings of a viewer's page.

    Raises:
        ValueError: when the file is no page of the viewer.
        OSError: when it cannot be read.
    """
    found = SETTINGS.search(_text(path))
    if found is None:
        raise ValueError(f"path: {path} is not a page of this program")
    return from_text(found[1])


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"path: {path} is not UTF-8 text") from error


def _picture(page: str, name: str, path: Path) -> np.ndarray:
    found = re.search(PICTURE.format(name), page)
    if found is None:
        raise ValueError(f"path: {path} is not a page of this program")
    try:
        with Image.open(BytesIO(base64.b64decode(found[1])), formats=["PNG", "JPEG"]) as image:
            return np.array(image.convert("RGB"))
    except (ValueError, OSError, Image.DecompressionBombError) as error:
        raise ValueError(f"path: {path} holds a damaged picture ({name})") from error
