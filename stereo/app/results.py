"""Results on disk: a private folder for each visitor, one inside it for each pair, nothing half."""

import hashlib
import re
import secrets
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from PIL import Image

from stereo.app.request import Request
from stereo.app.store import Loaded
from stereo.cli.inputs import PICTURE_OPTIONS
from stereo.formats import save_pair
from stereo.pair import StereoPair

PREFIX_CHARACTERS = 40
# What a pair is kept as: all that other formats are made of, and its viewer.
KEPT = ("left", "right", "disparity", "mask", "viewer")
THUMBNAIL, THUMBNAIL_PX = "thumbnail.jpg", 240


@dataclass(frozen=True)
class Result:
    """One saved pair.

    Attributes:
        title: for people.
        folder: in which it lies alone.
        size_px: (width, height) of a view.
        comfort: for people: whether the depth is comfortable to see; empty where nobody knows.
    """

    title: str
    folder: Path
    size_px: tuple[int, int]
    comfort: str = ""

    @property
    def address(self) -> str:
        """Return where its files are served, relative to the page."""
        return f"result/{self.folder.parent.name}/{self.folder.name}"

    def delete(self) -> None:
        """Remove its files."""
        shutil.rmtree(self.folder, ignore_errors=True)


class Shelves:
    """A folder with an unguessable name for each visitor, under one root."""

    def __init__(self, root: Path) -> None:
        self.root, self._secret = root, secrets.token_bytes(16)

    def folder(self, visitor: str) -> Path:
        """Return a visitor's folder; it is made when something is saved in it."""
        name = hashlib.blake2s(visitor.encode(), key=self._secret, digest_size=16)
        return self.root / name.hexdigest()

    def clear(self, visitor: str) -> None:
        """Delete all that a visitor left."""
        shutil.rmtree(self.folder(visitor), ignore_errors=True)


def save_result(pair: StereoPair, request: Request, loaded: Loaded, shelf: Path) -> Result:
    """Write a pair into a new folder of a visitor's, all or nothing.

    Raises:
        OSError: when the disk is full, say; nothing of the pair is left.
    """
    pair = replace(pair, settings={**pair.settings, **_origin(request, loaded)})
    folder = shelf / secrets.token_hex(16)
    try:
        save_pair(pair, folder, prefix=_prefix(request), formats=KEPT)
        thumbnail = Image.fromarray(pair.left)
        thumbnail.thumbnail((THUMBNAIL_PX, THUMBNAIL_PX))
        thumbnail.save(folder / THUMBNAIL)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    height, width = pair.left.shape[:2]
    comfort = _comfort(pair.settings.get("comfort_report"))
    return Result(_title(request, pair), folder, (width, height), comfort)


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
