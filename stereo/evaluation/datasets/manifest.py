"""A JSON list of scenes, with paths relative to the list, or a plain folder of scenes."""

import json
import re
from pathlib import Path
from typing import Any

from stereo.evaluation.datasets.scene import Scene, SceneSource, require_scenes
from stereo.evaluation.datasets.truth import read_kitti, read_pfm, read_stored
from stereo.images import SUFFIXES, read_image

FOLDER_EXPECTED = "NAME/left.* and NAME/right.*, or left/NAME.* and right/NAME.*"
DISPARITY_SUFFIXES = (".pfm", ".npy", ".png")


def list_manifest(path: Path) -> list[SceneSource]:
    """List the scenes of a manifest.

    An entry has `name` and `left`, and may have `right`, `disparity` with `disparity_scale` and
    `invalid` (see `read_stored`), `dataset` (means are taken over it), `family` (`kitti` is cut
    to its centred square) and `prompt`.

    Raises:
        ValueError: when it is no such list.
        OSError: when it cannot be read.
    """
    if not path.is_file():
        raise FileNotFoundError(f"data: no file {path}; expected a JSON list of scenes")
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"data: {path} is no JSON") from error
    good = isinstance(entries, list) and all(
        isinstance(entry, dict) and {"name", "left"} <= entry.keys() for entry in entries
    )
    if not good:
        raise ValueError(f"data: {path} is no list of scenes, expected 'name' and 'left' in each")
    scenes = [
        SceneSource(file_name(entry["name"]), _group(entry), lambda e=entry: _load(e, path.parent))
        for entry in entries
    ]
    names = [scene.name for scene in scenes]
    repeated = {name for name in names if names.count(name) > 1}
    if repeated:
        raise ValueError(f"data: {path} has the scene {min(repeated)} more than once")
    return require_scenes(scenes, path, expected="at least one entry")


def file_name(name: str) -> str:
    """Return a scene's name as one that can be a file's."""
    return re.sub(r"[^\w.-]+", "_", name).strip(".") or "scene"


def _group(entry: dict[str, Any]) -> str:
    return str(entry.get("dataset") or entry.get("family") or "scenes")


def _load(entry: dict[str, Any], folder: Path) -> Scene:
    right, disparity = entry.get("right"), entry.get("disparity")
    return Scene(
        file_name(entry["name"]),
        read_image(folder / entry["left"]),
        None if right is None else read_image(folder / right),
        None
        if disparity is None
        else read_stored(
            folder / disparity,
            scale=float(entry.get("disparity_scale", 1)),
            invalid=entry.get("invalid"),
        ),
        prompt=str(entry.get("prompt", "")),
        square=entry.get("family") == "kitti",
    )


def list_folder(root: Path) -> list[SceneSource]:
    """List the scenes of a plain folder: a subfolder each, or `left/` beside `right/`.

    Disparity is `disparity.*` in a scene's folder or `disparity/NAME.*`: .pfm and .npy in
    pixels, .png in 16 bits as KITTI stores it.
    """
    if not root.is_dir():
        raise FileNotFoundError(f"data: no folder {root}; expected {FOLDER_EXPECTED}")
    if (root / "left").is_dir():
        stems = sorted({p.stem for p in (root / "left").iterdir() if p.suffix.lower() in SUFFIXES})
        parts = [(stem, [root / eye / stem for eye in VIEWS]) for stem in stems]
    else:
        folders = sorted(p for p in root.iterdir() if p.is_dir() and _picture(p / "left"))
        parts = [(folder.name, [folder / eye for eye in VIEWS]) for folder in folders]
    scenes = [
        SceneSource(file_name(name), root.name, lambda n=name, s=stems: _load_plain(n, s))
        for name, stems in parts
    ]
    return require_scenes(scenes, root, expected=FOLDER_EXPECTED)


VIEWS = ("left", "right", "disparity")


def _picture(stem: Path, suffixes: tuple[str, ...] = SUFFIXES) -> Path | None:
    found = [stem.with_name(stem.name + suffix) for suffix in suffixes]
    return next((path for path in found if path.is_file()), None)


def _load_plain(name: str, stems: list[Path]) -> Scene:
    left, right = (_picture(stem) for stem in stems[:2])
    disparity = _picture(stems[2], DISPARITY_SUFFIXES)
    return Scene(
        file_name(name),
        read_image(left),
        None if right is None else read_image(right),
        None if disparity is None else _read_plain(disparity),
    )


def _read_plain(path: Path):
    if path.suffix == ".pfm":
        return read_pfm(path)
    return read_kitti(path) if path.suffix == ".png" else read_stored(path, scale=1, invalid=None)
