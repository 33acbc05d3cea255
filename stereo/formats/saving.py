"""Saving a pair: all of its files or none, numbered so that no earlier result is overwritten."""

import os
import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ldm.files import PARTIAL
from stereo.formats.layouts import side_by_side
from stereo.formats.metadata import to_text
from stereo.formats.names import DEFAULT_NAMES, NAMES, check_names
from stereo.formats.png import encode_png
from stereo.formats.registry import DEFAULT_FORMATS, FORMATS, check_formats, ending
from stereo.pair import StereoPair

try:
    import fcntl
except ImportError:  # Windows has no such locks
    fcntl = None

DIGITS = 5
SIDECAR = ".json"
NAME_BYTES = 255


def save_pair(
    pair: StereoPair,
    folder: str | Path,
    *,
    prefix: str = "",
    formats: Iterable[str] = DEFAULT_FORMATS,
    names: str = DEFAULT_NAMES,
) -> list[Path]:
    """Write a pair in the given formats as `<prefix>00000<ending>`, plus a JSON sidecar.

    The number is the next free one; `names` is a scheme of `stereo.formats.names`. Returns the
    paths in the order of `formats`, sidecar last.

    Raises:
        ValueError: for an unknown format or scheme.
        OSError: when the folder cannot be written; nothing of this pair is left behind.
    """
    check_names(names)
    files: dict[str, bytes] = {}
    for name in check_formats(formats):
        tagged = replace(pair, settings={**pair.settings, "format": name})
        files[ending(name, names)] = FORMATS[name].encode(tagged)
    sidecar = to_text(pair.settings, indent=2) + "\n"
    return _write_set(Path(folder), prefix, {**files, SIDECAR: sidecar.encode()})


def save_grid(pairs: list[StereoPair], folder: str | Path, *, rows: int) -> Path:
    """Write side-by-side pairs as one picture of `rows` rows, read row by row.

    Pairs smaller than the largest lie in the middle of black.
    """
    if rows < 1:
        raise ValueError(f"n_rows: got {rows}, expected 1 or more")
    tiles = [side_by_side(pair.left, pair.right) for pair in pairs]
    height, width = (max(tile.shape[axis] for tile in tiles) for axis in (0, 1))
    tiles = [_in_the_middle(tile, height, width) for tile in tiles]
    columns = -(-len(tiles) // rows)
    missing = rows * columns - len(tiles)
    tiles += [np.zeros_like(tiles[0])] * missing
    lines = [np.concatenate(tiles[k : k + columns], 1) for k in range(0, len(tiles), columns)]
    picture = encode_png(np.concatenate(lines, 0), {"pairs": [pair.settings for pair in pairs]})
    return _write_set(Path(folder), "grid_", {".png": picture})[0]


def _in_the_middle(tile: np.ndarray, height: int, width: int) -> np.ndarray:
    missing = (height - tile.shape[0], width - tile.shape[1])
    return np.pad(tile, [*((n // 2, n - n // 2) for n in missing), (0, 0)])


def check_settings(formats: Iterable[str], settings: dict[str, Any]) -> None:
    """Refuse, before any work, settings that a format cannot hold, as the 64 KiB of EXIF.

    Raises:
        ValueError: naming the format.
    """
    empty = np.zeros((8, 8, 3), np.uint8)
    pair = StereoPair(empty, empty, empty[..., 0] / 1.0, empty[..., 0] > 0, settings)
    for name in formats:
        try:
            FORMATS[name].encode(pair)
        except ValueError as error:
            raise ValueError(
                f"format: {name} cannot hold prompts and commands of this length ({error})"
            ) from error


def remove_half_sets(folder: Path) -> None:
    """Remove what killed processes have left in a folder: sets without their last file.

    Sets that other processes are writing stay. Where locks are not to be had nothing is removed.
    """
    if folder.is_dir():
        with _alone_in(folder) as alone:
            if alone:
                _remove_half_sets(folder)


def _write_set(folder: Path, prefix: str, files: dict[str, bytes]) -> list[Path]:
    """Write files named stem + ending under the next free stem; all of them or none.

    They lie in a hidden folder until all of them are on the disk. It stays until the last one is
    in its place: where a killed process has left it, `_remove_half_sets` knows what belongs to it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with _alone_in(folder) as alone:
        if alone:
            _remove_half_sets(folder)
        stem, staging = _claim_stem(folder, _shortened(prefix, files))
        finished: list[Path] = []
        try:
            for end, content in files.items():
                _write_through(staging / f"{stem}{end}", content)
            for end in files:
                finished.append(folder / f"{stem}{end}")
                os.replace(staging / f"{stem}{end}", finished[-1])
        except BaseException:
            for path in finished:
                path.unlink(missing_ok=True)
            raise
        finally:
            shutil.rmtree(staging, ignore_errors=True)
    return finished


@contextmanager
def _alone_in(folder: Path) -> Iterator[bool]:
    """Lock a folder of results against other processes; yields whether that was possible."""
    lock = _lock(folder)
    try:
        yield lock is not None
    finally:
        if lock is not None:
            os.close(lock)


def _lock(folder: Path) -> int | None:
    if fcntl is None:
        return None
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    except OSError:  # as on some network file systems
        os.close(descriptor)
        return None
    return descriptor


def _remove_half_sets(folder: Path) -> None:
    endings = {ending(form, names) for form in FORMATS for names in NAMES}
    for staging in folder.glob(f".*{PARTIAL}"):
        for sidecar in staging.glob(f"*{SIDECAR}"):
            for end in endings:
                (folder / f"{sidecar.stem}{end}").unlink(missing_ok=True)
        shutil.rmtree(staging, ignore_errors=True)


def _claim_stem(folder: Path, prefix: str) -> tuple[str, Path]:
    """Return the next free stem and a staging folder that keeps other processes off it."""
    pattern = re.compile(rf"\.?{re.escape(prefix)}(\d{{{DIGITS}}})[._-]")
    matches = (pattern.match(entry.name) for entry in folder.iterdir())
    number = max((int(match[1]) + 1 for match in matches if match), default=0)
    while True:
        stem = f"{prefix}{number:0{DIGITS}d}"
        staging = folder / f".{stem}{PARTIAL}"
        number += 1
        try:
            staging.mkdir()
        except FileExistsError:
            continue
        if not _is_taken(folder, stem):
            return stem, staging
        # Another process has finished this one since the folder was listed.
        staging.rmdir()


def _is_taken(folder: Path, stem: str) -> bool:
    return any(
        entry.name.startswith((f"{stem}.", f"{stem}_", f"{stem}-")) for entry in folder.iterdir()
    )


def _shortened(prefix: str, endings: Iterable[str]) -> str:
    """Cut a prefix so that no name is longer than file systems allow."""
    name, room = os.fsencode(prefix), NAME_BYTES - DIGITS - max(map(len, endings))
    return prefix if len(name) <= room else name[: room - 1].decode(errors="ignore") + "_"


def _write_through(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
