"""Files of stereo cameras and viewers, and loops: MPO, JPS, GIF, WebP; settings in EXIF."""

import struct
from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image

from stereo.formats.layouts import Views, side_by_side, split_columns
from stereo.formats.metadata import COMMENT_PREFIX, EXIF_IFD, SOFTWARE, USER_COMMENT, to_ascii
from stereo.formats.wiggle import FRAME_MS, wiggle_frames
from stereo.pair import StereoPair

JPEG = {"quality": 95, "subsampling": 0}
# CIPA DC-007: the index's entries, and the types of a stereo pair, the first representing it.
MP_ENTRIES, MP_ENTRY_BYTES = 0xB002, 16
MP_STEREO_FIRST, MP_STEREO = 0x20020002, 0x00020002
# VRex' stereoscopic descriptor: no flag (right view first), side by side, stereoscopic.
JPS_DESCRIPTOR = struct.pack(">4B", 0, 0, 2, 1)
SOI_BYTES = 2


def encode_mpo(pair: StereoPair) -> bytes:
    """Encode two JPEG frames, left first, marked as a stereo pair."""
    left, right = Image.fromarray(pair.left), Image.fromarray(pair.right)
    buffer = BytesIO()
    exif = _exif(pair.settings)
    left.save(buffer, "MPO", save_all=True, append_images=[right], exif=exif, **JPEG)
    return _mark_stereo(buffer.getvalue())


def read_mpo(image: Image.Image) -> Views:
    """Take the first two frames, left first."""
    return _frame(image, 0), _frame(image, 1)


def encode_jps(pair: StereoPair) -> bytes:
    """Encode a side-by-side JPEG with the right view first, as JPS viewers expect."""
    buffer = BytesIO()
    picture = Image.fromarray(side_by_side(pair.right, pair.left))
    picture.save(buffer, "JPEG", exif=_exif(pair.settings), **JPEG)
    body = b"_JPSJPS_" + struct.pack(">H", len(JPS_DESCRIPTOR)) + JPS_DESCRIPTOR
    comment = struct.pack(">H", 0)
    segment = b"\xff\xe3" + struct.pack(">H", 2 + len(body) + len(comment)) + body + comment
    return _behind_first_segment(buffer.getvalue(), segment)


def read_jps(image: Image.Image) -> Views:
    """Take the halves apart, right view first."""
    right, left = split_columns(np.array(image.convert("RGB")))
    return left, right


def encode_gif(pair: StereoPair) -> bytes:
    """Encode a wiggle as a looping GIF of 256 colours a frame."""
    first, *rest = map(Image.fromarray, wiggle_frames(pair))
    buffer = BytesIO()
    comment = to_ascii(pair.settings).encode()
    first.save(
        buffer, "GIF", save_all=True, append_images=rest, duration=FRAME_MS, loop=0, comment=comment
    )
    return buffer.getvalue()


def encode_webp(pair: StereoPair) -> bytes:
    """Encode a wiggle as a looping WebP, without loss."""
    first, *rest = map(Image.fromarray, wiggle_frames(pair))
    buffer = BytesIO()
    first.save(
        buffer,
        "WEBP",
        save_all=True,
        append_images=rest,
        duration=FRAME_MS,
        loop=0,
        lossless=True,
        exif=_exif(pair.settings),
    )
    return buffer.getvalue()


def read_wiggle(image: Image.Image) -> Views:
    """Take the loop's first and middle frame, which are the two views."""
    frames = getattr(image, "n_frames", 1)
    return _frame(image, 0), _frame(image, frames // 2)


def _frame(image: Image.Image, index: int) -> np.ndarray:
    try:
        image.seek(index)
    except EOFError as error:
        raise ValueError(f"picture: has no frame {index}, expected two views") from error
    return np.array(image.convert("RGB"))


def _exif(settings: dict[str, Any]) -> Image.Exif:
    exif = Image.Exif()
    exif[SOFTWARE] = "StereoDiffusion reproduction"
    exif.get_ifd(EXIF_IFD)[USER_COMMENT] = COMMENT_PREFIX + to_ascii(settings).encode()
    return exif


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
