"""A training run's checkpoint: a folder of pieces that fit where no file may be large.

Pieces of a new state are written beside those of the old one; the index, which names the pieces
that belong together, changes hands last. So there is a whole checkpoint at every moment.
"""

import hashlib
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning.plugins.io import CheckpointIO

from dpt.weights import DAMAGE
from ldm.files import write_bytes, write_text
from shapes.training.settings import Settings

CHECKPOINT = "checkpoint"
INDEX = "index.json"
PIECE_BYTES = 15 * 2**20
NAME_DIGITS = 16


class PiecewiseIO(CheckpointIO):
    """Has Lightning save and load such folders."""

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None
    ) -> None:
        """Write a state into the folder `path`."""
        whole = io.BytesIO()
        torch.save(checkpoint, whole)
        write_pieces(Path(path), whole.getbuffer())

    def load_checkpoint(
        self, path: str | Path, map_location: Any = None, weights_only: bool | None = None
    ) -> dict[str, Any]:
        """Read a state, without running anything in it."""
        return torch.load(read_pieces(Path(path)), map_location=map_location, weights_only=True)

    def remove_checkpoint(self, path: str | Path) -> None:
        """Remove a state."""
        for file in Path(path).iterdir():
            file.unlink()
        Path(path).rmdir()


def write_pieces(folder: Path, content: memoryview) -> None:
    """Write content into a folder, in pieces of at most `PIECE_BYTES`, and remove older ones."""
    stem = hashlib.sha256(content).hexdigest()[:NAME_DIGITS]
    pieces = {
        f"{stem}.{start // PIECE_BYTES:03d}": content[start : start + PIECE_BYTES]
        for start in range(0, len(content), PIECE_BYTES)
    }
    for name, piece in pieces.items():
        write_bytes(folder / name, piece)
    sizes = {name: len(piece) for name, piece in pieces.items()}
    write_text(folder / INDEX, json.dumps(sizes, indent=2) + "\n")
    for path in folder.iterdir():
        if path.name not in {*pieces, INDEX}:
            path.unlink()


def read_pieces(folder: Path) -> io.BytesIO:
    """Read what `write_pieces` wrote.

    Raises:
        ValueError: a piece is missing or has another size, or the index is no index.
        OSError: a file cannot be read.
    """
    try:
        sizes = json.loads((folder / INDEX).read_text())
        pieces = [(folder / Path(name).name, int(size)) for name, size in sizes.items()]
    except (ValueError, TypeError, AttributeError) as error:
        raise ValueError(f"{folder / INDEX} is no index of a checkpoint") from error
    whole = io.BytesIO()
    for path, size in pieces:
        if not path.is_file() or path.stat().st_size != size:
            raise ValueError(f"{path.name} is missing or has not {size} bytes")
        whole.write(path.read_bytes())
    whole.seek(0)
    return whole


def check_resume(folder: Path, settings: Settings) -> None:
    """Raise unless `folder` is a checkpoint of a run with these settings."""
    if not (folder / INDEX).is_file():
        raise FileNotFoundError(f"--resume: {folder / INDEX} is not there")
    found = read_checkpoint(folder).get("fingerprint")
    if found != settings.fingerprint():
        raise ValueError(
            f"--resume: {folder} was made with another configuration "
            f"({found}, expected {settings.fingerprint()})"
        )


def read_checkpoint(folder: Path) -> Mapping[str, Any]:
    """Read a checkpoint without running anything in it.

    Raises:
        ValueError: it is damaged, or holds something else.
    """
    try:
        found = torch.load(read_pieces(folder), map_location="cpu", weights_only=True)
    except (*DAMAGE, ValueError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise ValueError(f"--resume: {folder} cannot be read ({reason})") from error
    return found if isinstance(found, dict) else {}
