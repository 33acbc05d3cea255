"""PNG with settings in its text, and with the stereo chunk that players look for."""

import struct
import zlib
from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image, PngImagePlugin

from stereo.formats.metadata import PNG_KEY, to_text

# The registered chunk sTER: 0 = right view first (cross-eyed), 1 = left view first.
CROSS_EYED, PARALLEL = 0, 1
STER_COLUMNS = 8
HEADER_BYTES = 33


def encode_png(
    picture: np.ndarray, settings: dict[str, Any], *, ster_mode: int | None = None
) -> bytes:
    """Encode (H, W, 3) uint8, (H, W) uint8 or (H, W) uint16 losslessly, settings in the text.

    `ster_mode` marks a side-by-side picture; the chunk's definition wants views that start on a
    multiple of 8 columns, so other widths go without it.
    """
    text = PngImagePlugin.PngInfo()
    text.add_text("Software", "StereoDiffusion reproduction")
    text.add_itxt(PNG_KEY, to_text(settings))
    buffer = BytesIO()
    Image.fromarray(picture).save(buffer, format="PNG", pnginfo=text)
    if ster_mode is None or picture.shape[1] // 2 % STER_COLUMNS:
        return buffer.getvalue()
    return _insert_chunk(buffer.getvalue(), b"sTER", bytes([ster_mode]))


def _insert_chunk(png: bytes, name: bytes, content: bytes) -> bytes:
    """Put a chunk behind the header; Pillow itself leaves out those that it does not know."""
    body = name + content
    chunk = struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))
    return png[:HEADER_BYTES] + chunk + png[HEADER_BYTES:]
