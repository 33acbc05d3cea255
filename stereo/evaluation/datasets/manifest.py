"""A JSON list of scenes, with paths relative to the list."""

import json
import re
from functools import partial
from pathlib import Path
from typing import Any

from stereo.evaluation.datasets.scene import SceneSource, file_source, require_scenes
from stereo.evaluation.datasets.truth import read_stored

TEXT, NUMBER = (str, "text"), ((int, float), "a number")
KINDS = {
    **dict.fromkeys(("name", "left", "right", "disparity"), TEXT),
    **dict.fromkeys(("disparity_scale", "invalid"), NUMBER),
}
MAY_BE_NULL = ("right", "disparity", "invalid")


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
    except (ValueError, RecursionError) as error:
        raise ValueError(f"data: {path} is no JSON list of scenes") from error
    if not isinstance(entries, list) or not all(_has_a_picture(entry) for entry in entries):
        raise ValueError(f"data: {path} is no list of scenes, expected 'name' and 'left' in each")
    scenes = [_source(path, entry) for entry in entries]
    names = [scene.name for scene in scenes]
    repeated = {name for name in names if names.count(name) > 1}
    if repeated:
        raise ValueError(f"data: {path} has the scene {min(repeated)} more than once")
    return require_scenes(scenes, path, expected="at least one entry")


def file_name(name: str) -> str:
    """Return a scene's name as one that can be a file's."""
    return re.sub(r"[^\w.-]+", "_", name).strip(".") or "scene"


def _has_a_picture(entry: Any) -> bool:
    return isinstance(entry, dict) and {"name", "left"} <= entry.keys()


def _source(path: Path, entry: dict[str, Any]) -> SceneSource:
    for key, (kind, expected) in KINDS.items():
        value = entry.get(key)
        missing = key not in entry or (value is None and key in MAY_BE_NULL)
        if not missing and not isinstance(value, kind):
            raise ValueError(f"data: {path}, {key}: got {value!r}, expected {expected}")
    family, scale = entry.get("family"), float(entry.get("disparity_scale", 1))
    parts = (entry.get(key) for key in ("left", "right", "disparity"))
    return file_source(
        str(entry.get("dataset") or family or "scenes"),
        file_name(entry["name"]),
        *(None if part is None else path.parent / part for part in parts),
        partial(read_stored, scale=scale, invalid=entry.get("invalid")),
        prompt=str(entry.get("prompt", "")),
        square=family == "kitti",
    )
