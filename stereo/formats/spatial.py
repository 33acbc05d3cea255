"""Spatial photos (HEIC): two pictures in a stereo group, each with its camera.

The pictures are encoded by libheif, which writes neither the group (`ster`, ISO/IEC 23008-12) nor
the cameras (`cmin`, `cmex`). Structure and units are those of photos that telephones take; no
headset was at hand to try the files on.
"""

import struct
from io import BytesIO
from uuid import UUID

import numpy as np
import pillow_heif
from PIL import Image

from stereo.formats.boxes import Box, associations, full, moved, read_boxes, with_associations
from stereo.formats.containers import frame
from stereo.formats.layouts import Views
from stereo.formats.metadata import to_exif
from stereo.pair import StereoPair

QUALITY = 90
# Decoders of telephones and headsets take colours at half size.
CHROMA = "420"
# Of x265: slower ones take up to eight times as long and save nothing at this quality.
ENCODER = {"preset": "ultrafast"}
EYES_APART_UM = 63_000
POSITION_X = 1
# Fits focal lengths of up to 32,767 widths, to a tenth of a pixel.
SHIFT_BITS = 16
# In ten-thousandths of the width, for a plane other than the one that pairs have already.
DISPARITY_ADJUSTMENT = UUID("de225085-36cb-4365-8743-2f8705e7c78a")
# The display that comfort is judged on where nothing is said, in cm: its width, its distance.
DISPLAY = (60.0, 70.0)


def focal_of_width(settings: dict) -> float:
    """Return the focal length in widths of the picture, at which it is seen as on its display."""
    width_cm = float(settings.get("display_width_cm", DISPLAY[0]))
    return float(settings.get("viewing_distance_cm", DISPLAY[1])) / width_cm


def encode_spatial(pair: StereoPair) -> bytes:
    """Encode both views as HEIC, the left one first and primary, as a stereo group."""
    height, width = pair.left.shape[:2]
    file = pillow_heif.HeifFile()
    for view in (pair.left, pair.right):
        file.add_frombytes("RGB", (width, height), np.ascontiguousarray(view).tobytes())
    file[0].info["exif"] = to_exif(pair.settings).tobytes()
    buffer = BytesIO()
    file.save(buffer, quality=QUALITY, chroma=CHROMA, enc_params=ENCODER, primary_index=0)
    return _grouped(buffer.getvalue(), focal_of_width(pair.settings))


def read_spatial(image: Image.Image) -> Views:
    """Take the first two pictures, left first."""
    return frame(image, 0), frame(image, 1)


def _grouped(heic: bytes, focal: float) -> bytes:
    """Add the stereo group and the cameras to a file of two pictures."""
    boxes = read_boxes(heic)
    meta = next(box for box in boxes if box.kind == b"meta")
    size = len(meta.encode())
    properties, ipma = meta.find(b"iprp", b"ipco"), meta.find(b"iprp", b"ipma")
    items = _pictures(meta)
    first = len(properties.boxes) + 1
    properties.boxes += [_intrinsics(focal), _position(0), _position(EYES_APART_UM), _adjustment()]
    intrinsics, left, right, adjustment = range(first, first + 4)
    cameras = {
        items[0]: [intrinsics, left, adjustment],
        items[1]: [intrinsics, right, adjustment],
    }
    _swap(meta.find(b"iprp"), ipma, with_associations(ipma, cameras))
    group = full(b"ster", 0, struct.pack(">4I", max(associations(ipma)) + 1, 2, *items))
    meta.boxes.append(Box(b"grpl", boxes=[group]))
    iloc = meta.find(b"iloc")
    _swap(meta, iloc, moved(iloc, len(meta.encode()) - size))
    return b"".join(box.encode() for box in boxes)


def _pictures(meta: Box) -> list[int]:
    """Return the items that are the views: those with a decoder's configuration, in their order."""
    kinds = [box.kind for box in meta.find(b"iprp", b"ipco").boxes]
    used = associations(meta.find(b"iprp", b"ipma"))
    return [item for item, words in used.items() if b"hvcC" in {kinds[w % 128 - 1] for w in words}]


def _swap(parent: Box, old: Box, new: Box) -> None:
    parent.boxes[parent.boxes.index(old)] = new


def _intrinsics(focal: float) -> Box:
    """Focal length and centre, in widths (the centre's row in heights), over 2**SHIFT_BITS."""
    values = (round(value * 2**SHIFT_BITS) for value in (focal, 0.5, 0.5))
    return full(b"cmin", SHIFT_BITS << 8, struct.pack(">3i", *values))


def _position(x_um: int) -> Box:
    """Where the camera stands, right of the left one; it looks the same way."""
    return full(b"cmex", POSITION_X, struct.pack(">i", x_um)) if x_um else full(b"cmex", 0, b"")


def _adjustment() -> Box:
    return Box(b"uuid", DISPARITY_ADJUSTMENT.bytes + struct.pack(">Ii", 0, 0))
