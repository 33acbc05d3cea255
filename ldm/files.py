"""Files that appear whole or not at all, and what tells one from another."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# Of files larger than this, checkpoints, only size, head and tail are looked at.
WHOLE_FILE_BYTES = 2**26
END_BYTES = 2**20
FINGERPRINT_DIGITS = 16
PARTIAL = ".partial"


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield a temporary name beside `path`; what was written there takes its place at the end.

    Missing folders are made. After an error nothing is left, and a file that was there stays.

    Raises:
        OSError: the folder or the file cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}{PARTIAL}")
    try:
        partial.touch()
        mode = partial.stat().st_mode
        yield partial
        partial.chmod(mode)  # safetensors would leave it readable by its owner only
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def is_partial(path: Path) -> bool:
    """Tell whether a file is what an interrupted `whole_file` may leave behind."""
    return path.name.startswith(".") and path.name.endswith(PARTIAL)


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file that appears whole or not at all."""
    with whole_file(path) as partial:
        partial.write_bytes(content)


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 text file that appears whole or not at all."""
    write_bytes(path, text.encode())


def file_digest(path: Path) -> str:
    """Return what tells a file's content from another's, wherever it lies."""
    digest, size = hashlib.sha256(), path.stat().st_size
    with path.open("rb") as file:
        if size <= WHOLE_FILE_BYTES:
            digest.update(file.read())
        else:
            digest.update(f"{size}\n".encode() + file.read(END_BYTES))
            file.seek(-END_BYTES, 2)
            digest.update(file.read())
    return digest.hexdigest()[:FINGERPRINT_DIGITS]
