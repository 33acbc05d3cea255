"""Files of stereo cameras and viewers, and loops: MPO, JPS, GIF, WebP; settings in EXIF."""

import struct
from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image

from stereo.formats.layouts import Views, side_by_side, split_columns
from stereo.formats.metadata import to_ascii, to_exif
from stereo.formats.wiggle import FRAME_MS, wiggle_frames
from stereo.pair import StereoPair

JPEG = {"quality": 95, "subsampling": 0}
# CIPA DC-007: the index's entries, and the types of a stereo pair, the first representing it.
MP_ENTRIES, MP_ENTRY_BYTES = 0xB002, 16
MP_STEREO_FIRST, MP_STEREO = 0x20020002, 0x00020002
# VRex' stereoscopic descriptor: no flag (right view first), side by side, stereoscopic.
JPS_DESCRIPTOR = struct.pack(">4B", 0, 0, 2, 1)
SOI_BYTES = 2
GIF_COLOURS = 256


def encode_mpo(pair: StereoPair) -> bytes:
    """Encode two JPEG frames, left first, marked as a stereo pair."""
    left, right = Image.fromarray(pair.left), Image.fromarray(pair.right)
    buffer = BytesIO()
    exif = to_exif(pair.settings)
    left.save(buffer, "MPO", save_all=True, append_images=[right], exif=exif, **JPEG)
    return _mark_stereo(buffer.getvalue())


def read_mpo(image: Image.Image) -> Views:
    """Take the first two frames, left first."""
    return frame(image, 0), frame(image, 1)


def encode_jps(pair: StereoPair) -> bytes:
    """Encode a side-by-side JPEG with the right view first, as JPS viewers expect."""
    buffer = BytesIO()
    picture = Image.fromarray(side_by_side(pair.right, pair.left))
    picture.save(buffer, "JPEG", exif=to_exif(pair.settings), **JPEG)
    body = b"_JPSJPS_" + struct.pack(">H", len(JPS_DESCRIPTOR)) + JPS_DESCRIPTOR
    comment = struct.pack(">H", 0)
    segment = b"\xff\xe3" + struct.pack(">H", 2 + len(body) + len(comment)) + body + comment
    return _behind_first_segment(buffer.getvalue(), segment)


def read_jps(image: Image.Image) -> Views:
    """Take the halves apart, right view first."""
    right, left = split_columns(np.array(image.convert("RGB")))
    return left, right


def encode_gif(pair: StereoPair) -> bytes:
    """Encode a wiggle as a looping GIF of 256 colours, the same ones in all frames."""
    first, *rest = map(Image.fromarray, wiggle_frames(pair))
    palette = first.quantize(GIF_COLOURS)
    frames = [view.quantize(palette=palette) for view in (first, *rest)]
    return _loop(frames, "GIF", comment=to_ascii(pair.settings).encode())


def encode_webp(pair: StereoPair) -> bytes:
    """Encode a wiggle as a looping WebP, without loss."""
    frames = [*map(Image.fromarray, wiggle_frames(pair))]
    # Quality is the effort here: more of it saves next to nothing and takes six times as long.
    effort = {"lossless": True, "quality": 0, "method": 0}
    return _loop(frames, "WEBP", exif=to_exif(pair.settings), **effort)


def _loop(frames: list[Image.Image], kind: str, **named: Any) -> bytes:
    buffer = BytesIO()
    first, *rest = frames
    endless = {"save_all": True, "append_images": rest, "duration": FRAME_MS, "loop": 0}
    first.save(buffer, kind, **endless, **named)
    return buffer.getvalue()


def read_wiggle(image: Image.Image) -> Views:
    """Take the loop's first and middle frame, which are the two views."""
    frames = getattr(image, "n_frames", 1)
    return frame(image, 0), frame(image, frames // 2)


def frame(image: Image.Image, index: int) -> np.ndarray:
    """Return one of an opened picture's frames as (H, W, 3) uint8."""
    try:
        image.seek(index)
    except EOFError as error:
        raise ValueError(f"picture: has no frame {index}, expected two views") from error
    return np.array(image.convert("RGB"))


def _mark_stereo(mpo: bytes) -> bytes:
    """Turn the types of Pillow's two index entries into those of a stereo pair."""
    start = mpo.index(b"MPF\x00II*\x00") + 4
    ifd = start + struct.unpack_from("<L", mpo, start + 4)[0]
    count = struct.unpack_from("<H", mpo, ifd)[0]
    fields = [struct.unpack_from("<HHLL", mpo, ifd + 2 + 12 * k) for k in range(count)]
    first = start + next(value for tag, _, _, value in fields if tag == MP_ENTRIES)
    marked = bytearray(mpo)
    struct.pack_into("<L", marked, first, MP_STEREO_FIRST)
    struct.pack_into("<L", marked, first + MP_ENTRY_BYTES, MP_STEREO)
    return bytes(marked)


def _behind_first_segment(jpeg: bytes, segment: bytes) -> bytes:
    """Put a segment behind the first one (JFIF or EXIF), which has to stay the first."""
    length = struct.unpack_from(">H", jpeg, SOI_BYTES + 2)[0]
    place = SOI_BYTES + 2 + length
    return jpeg[:place] + segment + jpeg[place:]
