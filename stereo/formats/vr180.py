"""VR180 photos (`.vr.jpg`): the left eye as a JPEG that carries the right eye's in its XMP.

Both are drawn as headsets expect them, equirectangular (columns are longitudes, rows latitudes),
with parallel cameras, so that the farthest point lies straight ahead of each eye. The tags are
Google's `GPano` and `GImage`; the right eye is too long for one segment, so it stands in extended
XMP (Adobe, XMP Specification Part 3), cut in pieces. No headset was at hand to try the files on.
"""

import base64
import hashlib
import math
import struct
from io import BytesIO

import cv2
import numpy as np
from PIL import Image

from stereo.formats.containers import JPEG, SOI_BYTES
from stereo.formats.metadata import to_exif
from stereo.formats.spatial import focal_of_width
from stereo.formats.wiggle import disparity_range_px
from stereo.pair import StereoPair

APP0, APP1 = b"\xff\xe0", b"\xff\xe1"
XMP, EXTENDED = b"http://ns.adobe.com/xap/1.0/\x00", b"http://ns.adobe.com/xmp/extension/\x00"
# A segment holds 65,533 bytes, less the name, the checksum, the length and the place.
PIECE_BYTES = 65_000
PACKET = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\
<x:xmpmeta xmlns:x="adobe:ns:meta/">\
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about=""\
 xmlns:GPano="http://ns.google.com/photos/1.0/panorama/"\
 xmlns:GImage="http://ns.google.com/photos/1.0/image/"\
 xmlns:xmpNote="http://ns.adobe.com/xmp/note/"{attributes}/></rdf:RDF></x:xmpmeta>"""
PACKET_END = '<?xpacket end="w"?>'


def encode_vr180(pair: StereoPair) -> bytes:
    """Encode both views as one JPEG, the right one inside it."""
    width = pair.left.shape[1]
    focal_px = focal_of_width(pair.settings) * width
    farthest_px = min(disparity_range_px(pair))
    left = equirectangular(pair.left, focal_px)
    right = equirectangular(pair.right, focal_px, shift_px=farthest_px)
    extended = _packet({"GImage:Data": base64.b64encode(_jpeg(right)).decode()}).encode()
    guid = hashlib.md5(extended, usedforsecurity=False).hexdigest().upper()
    tags = {**_panorama(left, focal_px), "GImage:Mime": "image/jpeg"}
    standard = _packet({**tags, "xmpNote:HasExtendedXMP": guid}) + PACKET_END
    segments = [XMP + standard.encode(), *_pieces(extended, guid.encode())]
    jpeg = _jpeg(left, exif=to_exif(pair.settings))
    return _behind_headers(jpeg, b"".join(map(_segment, segments)))


def equirectangular(view: np.ndarray, focal_px: float, *, shift_px: float = 0) -> np.ndarray:
    """Draw a view (H, W, 3) uint8 of a plane camera by equal angles, as many pixels in the middle.

    Args:
        view: with its centre straight ahead.
        focal_px: of the camera; a pixel of the result is an angle of 1 / focal_px.
        shift_px: by how many pixels what is seen is moved to the right first.
    """
    height, width = view.shape[:2]
    columns, rows = (_whole(2 * focal_px * math.atan(n / 2 / focal_px)) for n in (width, height))
    longitude = (np.arange(columns) - (columns - 1) / 2) / focal_px
    latitude = ((np.arange(rows) - (rows - 1) / 2) / focal_px)[:, None]
    x = focal_px * np.tan(longitude) + (width - 1) / 2 - shift_px
    y = focal_px * np.tan(latitude) / np.cos(longitude) + (height - 1) / 2
    maps = np.broadcast_to(x, y.shape).astype(np.float32), y.astype(np.float32)
    return cv2.remap(view, *maps, cv2.INTER_CUBIC, borderMode=cv2.BORDER_CONSTANT)


def _whole(pixels: float) -> int:
    return max(1, round(pixels))


def _panorama(view: np.ndarray, focal_px: float) -> dict[str, int | str]:
    """Say where a view lies in the whole sphere."""
    height, width = view.shape[:2]
    full_width = max(width, _whole(2 * math.pi * focal_px))
    full_height = max(height, _whole(math.pi * focal_px))
    names = {
        "ProjectionType": "equirectangular",
        "CroppedAreaImageWidthPixels": width,
        "CroppedAreaImageHeightPixels": height,
        "FullPanoWidthPixels": full_width,
        "FullPanoHeightPixels": full_height,
        "CroppedAreaLeftPixels": (full_width - width) // 2,
        "CroppedAreaTopPixels": (full_height - height) // 2,
    }
    return {f"GPano:{name}": value for name, value in names.items()}


def _packet(tags: dict[str, int | str]) -> str:
    return PACKET.format(attributes="".join(f' {key}="{value}"' for key, value in tags.items()))


def _pieces(extended: bytes, guid: bytes) -> list[bytes]:
    """Cut extended XMP into what segments hold: name, checksum, whole length, place, piece."""
    return [
        EXTENDED + guid + struct.pack(">II", len(extended), at) + extended[at : at + PIECE_BYTES]
        for at in range(0, len(extended), PIECE_BYTES)
    ]


def _behind_headers(jpeg: bytes, segments: bytes) -> bytes:
    """Put segments behind JFIF and EXIF, which some readers look for at the start alone."""
    at = SOI_BYTES
    while jpeg[at : at + 2] in (APP0, APP1):
        at += 2 + struct.unpack_from(">H", jpeg, at + 2)[0]
    return jpeg[:at] + segments + jpeg[at:]


def _segment(content: bytes) -> bytes:
    return APP1 + struct.pack(">H", 2 + len(content)) + content


def _jpeg(view: np.ndarray, **named: object) -> bytes:
    buffer = BytesIO()
    Image.fromarray(view).save(buffer, "JPEG", **JPEG, **named)
    return buffer.getvalue()
