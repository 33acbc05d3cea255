"""Files that appear whole or not at all, and digests that tell one from another.

What is being written lies in a hidden folder beside its place, reaches the disk and is then
renamed. A lock holds the folder while its process lives, so `remove_stale` can tell leftovers of a
killed process from the work of a running one, in other containers and on reused process ids too.
"""

import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows has no such locks: age alone tells there
    fcntl = None

# Of files larger than this, checkpoints, only size, head and tail are looked at.
WHOLE_FILE_BYTES = 2**26
END_BYTES = 2**20
FINGERPRINT_DIGITS = 16
PARTIAL = ".partial"
# Temporary names begin with the file's name, cut so that they fit into any file system's limit.
NAME_LETTERS = 40
# Where the file system has no locks, nothing is written for longer than this.
STALE_SECONDS = 24 * 3600
NO_WAIT = getattr(os, "O_NONBLOCK", 0)  # for a pipe that somebody named like a leftover


@contextmanager
def staging_folder(parent: Path, name: str) -> Iterator[Path]:
    """Yield a new hidden folder in `parent` for files of `name` that are still being written.

    It is removed at the end, with all that is still inside. Missing parents are made.

    Raises:
        OSError: the folder cannot be written.
    """
    parent.mkdir(parents=True, exist_ok=True)
    folder, lock = _locked_folder(parent, name)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if lock is not None:
            os.close(lock)


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path; what was written there takes the place of `path` at the end.

    Missing folders are made. After an error nothing is left, and a file that was there stays.

    Raises:
        OSError: the folder or the file cannot be written.
    """
    with staging_folder(path.parent, path.name) as folder:
        partial = folder / path.name
        partial.touch()
        mode = partial.stat().st_mode
        yield partial
        partial.chmod(mode)  # safetensors would leave it readable by its owner only
        publish(partial, path)


def publish(partial: Path, path: Path) -> None:
    """Move a finished file to its place, its data and its name on the disk when this returns.

    Raises:
        OSError: a disk is full, or `path` cannot be written.
    """
    _sync(partial, os.O_RDWR)
    os.replace(partial, path)
    if os.name != "nt":  # where folders cannot be opened
        _sync(path.parent, os.O_RDONLY)


def remove_stale(folder: Path, *, recursive: bool = False) -> None:
    """Remove what killed processes have left in `folder`; what others are writing stays."""
    pattern = f".*{PARTIAL}"
    for entry in list(folder.rglob(pattern) if recursive else folder.glob(pattern)):
        lock = None
        try:
            lock = os.open(entry, os.O_RDONLY | NO_WAIT)
            if not _try_lock(lock):
                continue
            if entry.is_dir():
                shutil.rmtree(entry, ignore_errors=True)
            else:
                entry.unlink()
        except OSError:
            pass  # another process was faster, or it is not ours to remove
        finally:
            if lock is not None:
                os.close(lock)


def is_partial(path: Path) -> bool:
    """Tell whether a file or folder is what an interrupted run may leave behind."""
    return path.name.startswith(".") and path.name.endswith(PARTIAL)


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file that appears whole or not at all."""
    with whole_file(path) as partial:
        partial.write_bytes(content)


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 text file that appears whole or not at all."""
    write_bytes(path, text.encode())


def file_digest(path: Path) -> str:
    """Return a digest of a file's content, the same wherever it lies."""
    digest, size = hashlib.sha256(), path.stat().st_size
    with path.open("rb") as file:
        if size <= WHOLE_FILE_BYTES:
            digest.update(file.read())
        else:
            digest.update(f"{size}\n".encode() + file.read(END_BYTES))
            file.seek(-END_BYTES, 2)
            digest.update(file.read())
    return digest.hexdigest()[:FINGERPRINT_DIGITS]


def _locked_folder(parent: Path, name: str) -> tuple[Path, int | None]:
    """Make a folder of a name nobody else has; return it with the lock that holds it."""
    while True:
        prefix = f".{name[:NAME_LETTERS]}."
        folder = Path(tempfile.mkdtemp(prefix=prefix, suffix=PARTIAL, dir=parent))
        if fcntl is None:
            return folder, None
        try:
            lock = os.open(folder, os.O_RDONLY)
        except FileNotFoundError:
            continue  # `remove_stale` of another process came before the lock
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
        except OSError:
            return folder, lock  # this file system has no locks
        if folder.exists():
            return folder, lock
        os.close(lock)


def _try_lock(descriptor: int) -> bool:
    """Lock a leftover, or tell by its age, where there are no locks, that nobody writes it."""
    if fcntl is not None:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:
            pass
        else:
            return True
    return time.time() - os.fstat(descriptor).st_mtime > STALE_SECONDS


def _sync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
