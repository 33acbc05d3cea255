"""Reading results back: both views, disparity and holes where they lie beside, and the settings."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from stereo.formats.metadata import from_text, settings_text
from stereo.formats.names import NAMES
from stereo.formats.registry import FORMATS, ending
from stereo.formats.viewer.reading import read_page, read_page_settings
from stereo.images import DAMAGE, decoders, reason
from stereo.pair import StereoPair

PAGE = ".html"


def load(path: str | Path) -> StereoPair:
    """Read a pair from a file that holds both views, or from one view beside the other's file.

    Disparity and valid mask come from the files of the same stem; without them the disparity is
    flat zero and every pixel valid. Settings are empty for a file that other software wrote.

    Raises:
        ValueError: when the file holds no two views.
        OSError: when it cannot be read.
    """
    path = Path(path)
    if path.suffix.lower() == PAGE:
        page = read_page(path)
        return replace(page, settings={k: v for k, v in page.settings.items() if k != "format"})
    settings = _settings_or_none(path) or {}
    name = settings.pop("format", None) or _format_by_name(path)
    left, right = _views(path, name)
    stem = _stem(path, name)
    shape = left.shape[:2]
    disparity = _map_beside(path, stem, "disparity", shape, np.zeros(shape, np.float32))
    holes = _map_beside(path, stem, "mask", shape, np.zeros(shape, np.float32))
    return StereoPair(left, right, disparity, holes < 0.5, settings)


def read_settings(path: str | Path) -> dict[str, Any]:
    """Read the settings that a result carries, from a picture of ours or from a sidecar.

    Raises:
        ValueError: when the file carries none.
        OSError: when it cannot be read.
    """
    settings = _settings_or_none(Path(path))
    if settings is None:
        raise ValueError(f"path: {path} carries no settings of this program")
    return settings


def _settings_or_none(path: Path) -> dict[str, Any] | None:
    if path.suffix.lower() == ".npy":
        path = path.with_name(_stem(path, "disparity_npy") + ".json")
    if path.suffix.lower() == ".json":
        return from_text(path.read_text(encoding="utf-8"))
    if path.suffix.lower() == PAGE:
        return read_page_settings(path)
    with _open(path) as image:
        text = settings_text(image)
    return None if text is None else from_text(text)


@contextmanager
def _open(path: Path) -> Iterator[Image.Image]:
    """Open a picture; whatever a damaged one raises while it is read becomes a ValueError."""
    if path.is_dir():
        raise IsADirectoryError(f"path: {path} is a folder, expected a file")
    if not path.is_file():
        raise FileNotFoundError(f"path: no file {path}")
    try:
        with Image.open(path, formats=decoders()) as image:
            yield image
    except PermissionError:
        raise
    except DAMAGE as error:
        why = reason(error)
        raise ValueError(f"path: {path} is not a picture that can be read ({why})") from error


def _format_by_name(path: Path) -> str:
    found = [name for name in FORMATS if _ending(path, name)]
    return max(found, key=lambda name: len(_ending(path, name)), default="sbs")


def _ending(path: Path, name: str) -> str:
    """Return how a file ends as those of a format do under some scheme, in capitals or not."""
    ends = {ending(name, names) for names in NAMES}
    return max(
        (end for end in ends if path.name.lower().endswith(end.lower())), key=len, default=""
    )


def _stem(path: Path, name: str) -> str:
    """Return the file's name without what its format ends it with."""
    end = _ending(path, name) if name in FORMATS else ""
    return path.name[: -len(end)] if end else path.stem


def _views(path: Path, name: str) -> tuple[np.ndarray, np.ndarray]:
    if name in ("left", "right"):
        stem = _stem(path, name)
        names = (f"{stem}{FORMATS[eye].ending}" for eye in ("left", "right"))
        left, right = (_pixels(path.with_name(file)) for file in names)
        return left, right
    views = FORMATS[name].views if name in FORMATS else None
    if views is None:
        raise ValueError(
            f"path: {path} ({name}) holds no two separate views; load the side-by-side file"
        )
    with _open(path) as image:
        return views(image)


def _pixels(path: Path) -> np.ndarray:
    with _open(path) as image:
        return np.array(image.convert("RGB"))


def _map_beside(
    path: Path, stem: str, name: str, shape: tuple[int, int], missing: np.ndarray
) -> np.ndarray:
    """Return a grey picture of the same stem as [0, 1] float32, `missing` where there is none."""
    beside = path.with_name(f"{stem}{FORMATS[name].ending}")
    if not beside.is_file():
        return missing
    with _open(beside) as image:
        values = np.asarray(image)
    if values.shape != shape:
        return missing
    return (values / np.iinfo(values.dtype).max).astype(np.float32)
