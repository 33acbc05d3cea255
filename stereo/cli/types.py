"""How the values of the command line are parsed and checked."""

import argparse
import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from stereo.options import MAX_SIDE_PX, SIZE_MULTIPLE_PX

MOST, MOST_PROCESSES = 100_000, 1024
NAME_BYTES = 255


def given_path(text: str) -> Path:
    """Parse a path; an empty one is an unset variable of the shell's, not the working folder."""
    if not text:
        raise argparse.ArgumentTypeError("got '', expected a path")
    return Path(text)


def whole_number(text: str, *, most: int = MOST) -> int:
    """Parse a number from 1 on; what is out of all proportion would only end in silence."""
    value = _parse(int, text, "a whole number")
    if not 1 <= value <= most:
        raise argparse.ArgumentTypeError(f"got {text}, expected 1 to {most}")
    return value


def process_count(text: str) -> int:
    """Parse a number of processes, or of machines."""
    return whole_number(text, most=MOST_PROCESSES)


def positive_number(text: str) -> float:
    """Parse a number above 0."""
    value = _parse(float, text, "a number")
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"got {text}, expected more than 0")
    return value


def size_px(text: str) -> int:
    """Parse a picture's side."""
    value = _parse(int, text, "a whole number")
    if not SIZE_MULTIPLE_PX <= value <= MAX_SIDE_PX or value % SIZE_MULTIPLE_PX:
        expected = f"a multiple of {SIZE_MULTIPLE_PX}, at most {MAX_SIDE_PX}"
        raise argparse.ArgumentTypeError(f"got {text}, expected {expected}")
    return value


def number_or(*words: str) -> Callable[[str], float | str]:
    """Return a parser of numbers that also takes some words."""
    expected = ", or ".join(("a number", *words))
    return lambda text: text if text in words else _parse(float, text, expected)


def check_writable(folder: Path, argument: str) -> None:
    """Raise before the work, not after it; the folder itself is made with the first result.

    Raises:
        OSError: naming the argument.
    """
    if max(len(os.fsencode(part)) for part in folder.absolute().parts) > NAME_BYTES:
        raise OSError(f"{argument}: got a name of more than {NAME_BYTES} bytes: {folder}")
    places = (folder, *folder.absolute().parents)
    existing = next(path for path in places if os.path.lexists(path))
    if not existing.is_dir():
        kind = "a file" if existing.is_file() else "no folder"
        raise NotADirectoryError(f"{argument}: {existing} is {kind}, expected a folder")
    try:
        with suppress(FileNotFoundError):
            folder.stat()  # a name may be too long
        tempfile.TemporaryFile(dir=existing).close()
    except OSError as error:
        raise PermissionError(
            f"{argument}: cannot write in {existing} ({error.strerror})"
        ) from error


def _parse(kind: type, text: str, expected: str) -> float:
    try:
        return kind(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"got {text!r}, expected {expected}") from error
