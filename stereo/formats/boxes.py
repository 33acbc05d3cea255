"""Boxes of ISO base media files (ISO/IEC 14496-12), of which HEIC is one: read, changed, written.

Only what a still picture's `meta` box needs: references into the file are absolute, so what
stands in `meta` must not grow without `moved` on them.
"""

import struct
from dataclasses import dataclass, field, replace

# Boxes that hold boxes, and how many bytes stand before those.
CONTAINERS = {b"meta": 4, b"iprp": 0, b"ipco": 0, b"grpl": 0}
LARGE = 1


@dataclass
class Box:
    """One box: its four letters, its content, and the boxes that stand behind the content."""

    kind: bytes
    content: bytes = b""
    boxes: list["Box"] = field(default_factory=list)

    def find(self, *path: bytes) -> "Box":
        """Return the first box at a path of kinds.

        Raises:
            ValueError: where there is none.
        """
        if not path:
            return self
        found = next((box for box in self.boxes if box.kind == path[0]), None)
        if found is None:
            raise ValueError(f"no box {path[0].decode('latin-1')!r} in {self.kind.decode()!r}")
        return found.find(*path[1:])

    def encode(self) -> bytes:
        """Return the box as bytes."""
        body = self.content + b"".join(box.encode() for box in self.boxes)
        return struct.pack(">I4s", 8 + len(body), self.kind) + body


def full(kind: bytes, flags: int, content: bytes) -> Box:
    """Make a box that starts with version 0 and flags."""
    return Box(kind, struct.pack(">I", flags) + content)


def read_boxes(data: bytes) -> list[Box]:
    """Split bytes into boxes, and those of `CONTAINERS` into theirs.

    Raises:
        ValueError: where sizes do not fit.
    """
    boxes, at = [], 0
    while at < len(data):
        try:
            size, kind = struct.unpack_from(">I4s", data, at)
            start = at + (16 if size == LARGE else 8)
            size = struct.unpack_from(">Q", data, at + 8)[0] if size == LARGE else size
        except struct.error as error:
            raise ValueError("a box is cut off") from error
        end = at + size if size else len(data)
        if not start <= end <= len(data):
            raise ValueError(f"box {kind!r} has {size} bytes of {len(data) - at}")
        body = data[start:end]
        kept = CONTAINERS.get(kind)
        inner = [] if kept is None else read_boxes(body[kept:])
        boxes.append(Box(kind, body[:kept] if kept is not None else body, inner))
        at = end
    return boxes


def associations(ipma: Box) -> dict[int, list[int]]:
    """Read `ipma`: item -> its properties, counted from 1; essential ones have the top bit set."""
    return {item: [*words] for item, words in _entries(ipma)[0]}


def with_associations(ipma: Box, added: dict[int, list[int]]) -> Box:
    """Return `ipma` with further properties, none of them essential, behind those of items."""
    entries, wide_item, wide_index = _entries(ipma)
    body = ipma.content[:4] + struct.pack(">I", len(entries))
    for item, words in entries:
        words = [*words, *added.get(item, [])]
        body += struct.pack(">IB" if wide_item else ">HB", item, len(words))
        body += struct.pack(f">{len(words)}{'H' if wide_index else 'B'}", *words)
    return replace(ipma, content=body)


def _entries(ipma: Box) -> tuple[list[tuple[int, tuple[int, ...]]], bool, bool]:
    version, flags = ipma.content[0], ipma.content[3]
    wide_item, wide_index = version > 0, bool(flags & 1)
    entries, at = [], 8
    for _ in range(struct.unpack_from(">I", ipma.content, 4)[0]):
        head = ">IB" if wide_item else ">HB"
        item, count = struct.unpack_from(head, ipma.content, at)
        at += struct.calcsize(head)
        words = struct.unpack_from(f">{count}{'H' if wide_index else 'B'}", ipma.content, at)
        at += count * (2 if wide_index else 1)
        entries.append((item, words))
    return entries, wide_item, wide_index


def moved(iloc: Box, by: int) -> Box:
    """Return `iloc` for item data in `mdat` that lies so many bytes further back.

    Raises:
        ValueError: for a version or field sizes that libheif does not write.
    """
    version, sizes = iloc.content[0], iloc.content[4:6]
    if version > 1 or sizes != b"\x44\x40":
        raise ValueError(f"iloc: got version {version}, sizes {sizes.hex()}, expected 0 or 1, 4440")
    head = ">HHHIH" if version else ">HHIH"
    data, at = bytearray(iloc.content), 8
    for _ in range(struct.unpack_from(">H", data, 6)[0]):
        *first, base, extents = struct.unpack_from(head, data, at)
        if version == 0 or first[1] == 0:  # in the file, not in `idat`
            struct.pack_into(">I", data, at + struct.calcsize(head) - 6, base + by)
        at += struct.calcsize(head) + 8 * extents
    return replace(iloc, content=bytes(data))
