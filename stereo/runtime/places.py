"""Where weights lie: files, folders, and models in the cache of the Hugging Face hub."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ldm.downloads import find_download
from ldm.hub_cache import find_in_hub_cache
from ldm.known_files import ROOT, describe_missing

SUFFIXES = (".safetensors", ".ckpt", ".pt", ".pth", ".bin")
# Errors that name another argument already.
NAMED = re.compile(r"(ckpt|config|depthmodel_path|parameterization|vae): ")


def find_given(given: Path | str, argument: str) -> Path:
    """Return the file or folder that a user names.

    Args:
        given: a file, a folder, `owner/name[@revision]` in the hub's cache, or a name that
            `python -m stereo.fetch --list` shows.
        argument: for errors.

    Raises:
        OSError: when it is not there.
        ValueError: when the name cannot be one.
    """
    path, name = Path(given), Path(given).as_posix()
    if path.is_file() or path.is_dir():
        return path
    if path.suffix in SUFFIXES or path.exists():
        problem = "neither a file nor a folder" if path.exists() else None
        raise FileNotFoundError(
            f"{argument}: {f'{path}: {problem}' if problem else describe_missing(path)}"
        )
    known, place = find_download(name), None
    if known is not None and known.file is not None:
        place = ROOT / known.folder / known.file
    else:
        with naming(argument, path):
            place = find_in_hub_cache(known.hub_id if known else name)
    if place is None or not place.exists():
        raise FileNotFoundError(
            f"{argument}: {name} is not on this machine; fetch it: python -m stereo.fetch {name}"
        )
    return place


@contextmanager
def naming(argument: str, path: Path | str) -> Iterator[None]:
    """Let what is wrong with a file be told with the argument and the path that named it."""
    try:
        yield
    except (OSError, ValueError) as error:
        text = str(error)
        if NAMED.match(text):
            raise
        place = "" if str(path) in text else f"{path}: "
        kind = type(error) if isinstance(error, OSError) else ValueError
        raise kind(f"{argument}: {place}{text}") from error


def place_name(path: Path) -> str:
    """Return what a file or folder of weights is called: a snapshot by its `owner/name`."""
    parts = path.parts
    at = len(parts) - 1 - parts[::-1].index("snapshots") if "snapshots" in parts else 0
    if not at or at + 1 >= len(parts):
        return path.name
    owner_name = parts[at - 1].removeprefix("models--").replace("--", "/")
    return "/".join([f"{owner_name}@{parts[at + 1]}", *parts[at + 2 :]])
