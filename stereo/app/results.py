"""Results on disk: a private folder for each visitor, all formats of each pair, nothing half."""

import re
import secrets
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock
from typing import Any

from stereo.app.request import Request
from stereo.app.store import Loaded
from stereo.cli.inputs import PICTURE_OPTIONS
from stereo.formats import FORMATS, save_pair
from stereo.pair import StereoPair

PREFIX_CHARACTERS = 40


@dataclass(frozen=True)
class Result:
    """One saved pair.

    Attributes:
        title: for people.
        files: format name -> file; "settings" is the JSON sidecar.
        size_px: (width, height) of a view.
        comfort: for people: whether the depth is comfortable to see; empty where nobody knows.
    """

    title: str
    files: dict[str, Path]
    size_px: tuple[int, int]
    comfort: str = ""

    def viewer_document(self) -> str:
        """Return the page to look at it with."""
        return self.files["viewer"].read_text(encoding="utf-8")

    def delete(self) -> None:
        """Remove its files."""
        for path in self.files.values():
            path.unlink(missing_ok=True)


class Shelves:
    """A folder with an unguessable name for each visitor, under one root."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._lock = Lock()
        self._folders: dict[str, Path] = {}

    def folder(self, visitor: str) -> Path:
        """Return a visitor's folder; it is made when something is saved in it."""
        with self._lock:
            return self._folders.setdefault(visitor, self._root / secrets.token_urlsafe(18))

    def clear(self, visitor: str) -> None:
        """Delete all that a visitor left."""
        with self._lock:
            folder = self._folders.pop(visitor, None)
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)


def save_result(pair: StereoPair, request: Request, loaded: Loaded, folder: Path) -> Result:
    """Write a pair in every format, all or nothing.

    Raises:
        OSError: when the disk is full, say; nothing of the pair is left.
    """
    pair = replace(pair, settings={**pair.settings, **_origin(request, loaded)})
    names = list(FORMATS)
    paths = save_pair(pair, folder, prefix=_prefix(request), formats=names)
    files = dict(zip([*names, "settings"], paths, strict=True))
    height, width = pair.left.shape[:2]
    comfort = _comfort(pair.settings.get("comfort_report"))
    return Result(_title(request, pair), files, (width, height), comfort)


def _comfort(report: dict[str, Any] | None) -> str:
    """Say in a line what `stereo.comfort.report` found."""
    if report is None:
        return ""
    width_cm, distance_cm = report["display_width_cm"], report["viewing_distance_cm"]
    place = f"on a display {width_cm:g} cm wide, {distance_cm:g} cm away"
    if report["inside"]:
        return f"Comfortable to see {place}."
    return f"More depth than is comfortable {place}: choose less, or look at it smaller."


def _origin(request: Request, loaded: Loaded) -> dict[str, Any]:
    """Return what the settings say beside the options, as the scripts' do."""
    known = {
        "ckpt": request.checkpoint.path,
        "depth_model": loaded.depth_file,
        "map": request.own_map,
        PICTURE_OPTIONS.get(request.task, ""): request.picture,
    }
    return {
        **{key: path.name for key, path in known.items() if path is not None},
        "device": str(loaded.models.diffusion.device),
        "dtype": str(loaded.models.diffusion.dtype).removeprefix("torch."),
        "command": request.command(),
    }


def _prefix(request: Request) -> str:
    if request.picture is None:
        return "text_"
    stem = re.sub(r"[^\w-]+", "-", request.picture.stem, flags=re.ASCII).strip("-")
    return f"{stem[:PREFIX_CHARACTERS] or 'picture'}_"


def _title(request: Request, pair: StereoPair) -> str:
    what = request.prompt.strip() or (request.picture.name if request.picture else "")
    if request.task == "image":
        return what
    sample = pair.settings.get("sample", 0)
    # Not the sum of both, which given as a seed makes another picture.
    which = f"seed {request.seed}" + (f", pair {sample + 1}" if sample else "")
    return f"{what} ({which})"
