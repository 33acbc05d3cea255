"""A JSON list of scenes, with paths relative to the list, or a plain folder of scenes."""

import json
import re
from pathlib import Path
from typing import Any

from stereo.evaluation.datasets.scene import Scene, SceneSource, require_scenes
from stereo.evaluation.datasets.truth import read_kitti, read_pfm, read_stored
from stereo.images import picture_suffixes, read_image

FOLDER_EXPECTED = "NAME/left.* and NAME/right.*, or left/NAME.* and right/NAME.*"
DISPARITY_SUFFIXES = (".pfm", ".npy", ".png")
TEXTS = ("name", "left", "right", "disparity")


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
    for entry in entries:
        _check_entry(path, entry)
    scenes = [
        SceneSource(file_name(entry["name"]), _group(entry), lambda e=entry: _load(e, path.parent))
        for entry in entries
    ]
    names = [scene.name for scene in scenes]
    repeated = {name for name in names if names.count(name) > 1}
    if repeated:
        raise ValueError(f"data: {path} has the scene {min(repeated)} more than once")
    return require_scenes(scenes, path, expected="at least one entry")


def _check_entry(path: Path, entry: dict[str, Any]) -> None:
    kinds = {**dict.fromkeys(TEXTS, str), "disparity_scale": (int, float)}
    for key, kind in kinds.items():
        value = entry.get(key)
        missing = value is None and key in ("right", "disparity")
        if key in entry and not missing and not isinstance(value, kind):
            expected = "text" if kind is str else "a number"
            raise ValueError(f"data: {path}, {key}: got {value!r}, expected {expected}")


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
        stems = sorted(
            {p.stem for p in (root / "left").iterdir() if p.suffix.lower() in picture_suffixes()}
        )
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


def _picture(stem: Path, suffixes: tuple[str, ...] = ()) -> Path | None:
    suffixes = suffixes or tuple(sorted(picture_suffixes()))
    if not stem.parent.is_dir():
        return None
    beside = (path for path in stem.parent.iterdir() if path.stem == stem.name)
    found = sorted(path for path in beside if path.suffix.lower() in suffixes and path.is_file())
    return min(found, key=lambda path: suffixes.index(path.suffix.lower()), default=None)


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
    suffix = path.suffix.lower()
    if suffix == ".pfm":
        return read_pfm(path)
    return read_kitti(path) if suffix == ".png" else read_stored(path, scale=1, invalid=None)
