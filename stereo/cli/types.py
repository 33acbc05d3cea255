"""How the scripts' options are parsed and checked; nothing here imports torch."""

import argparse
import tempfile
from pathlib import Path

SIZE_MULTIPLE_PX = 64
MAX_SIDE_PX = 8192


def given_path(text: str) -> Path:
    """Parse a path; an empty one is an unset variable of the shell's, not the working folder."""
    if not text:
        raise argparse.ArgumentTypeError("got '', expected a path")
    return Path(text)


def whole_number(text: str) -> int:
    """Parse a number of 1 or more."""
    value = _integer(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"got {text}, expected 1 or more")
    return value


def size_px(text: str) -> int:
    """Parse a picture's side."""
    value = _integer(text)
    if not SIZE_MULTIPLE_PX <= value <= MAX_SIDE_PX or value % SIZE_MULTIPLE_PX:
        raise argparse.ArgumentTypeError(
            f"got {text}, expected a multiple of {SIZE_MULTIPLE_PX}, at most {MAX_SIDE_PX}"
        )
    return value


def check_writable(folder: Path, argument: str) -> None:
    """Raise before the work, not after it; the folder itself is made with the first result.

    Raises:
        OSError: naming the argument.
    """
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not existing.is_dir():
        raise NotADirectoryError(f"{argument}: {existing} is a file, expected a folder")
    try:
        tempfile.TemporaryFile(dir=existing).close()
    except OSError as error:
        raise PermissionError(
            f"{argument}: cannot write in {existing} ({error.strerror})"
        ) from error


def _integer(text: str) -> int:
    try:
        return int(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"got {text!r}, expected a whole number") from error
