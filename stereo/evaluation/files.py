"""A run's folder: where every file lies, and the refusal to mix runs.

run.json                        settings that all results share, and the scenes in order
scenes/SCENE/                   left, right, disparity, truth, visible mask
views/METHOD/SCENE.png          right view; any other method's can be put there to be scored
views/METHOD/SCENE_valid.png    its pixels that came from the left view
views/METHOD/SCENE.json         sidecar, written last
views/METHOD/method.json        the method's settings
scores/METHOD/SCENE.json        metrics
failures/                       scenes that failed, until they succeed
scores.csv, summary.json, table.md, table.tex, sheets/
"""

import json
from functools import partialmethod
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ldm.files import is_partial, whole_file
from stereo.evaluation.json_files import NOTHING, read_json, write_json
from stereo.images import read_image

RUN, METHOD, SUMMARY, TABLE = "run.json", "method.json", "summary.json", "table.md"
RUN_SHAPE = {
    "settings": {"name": str, "size_px": (int, NOTHING), "crop": str, "disparity": str},
    "scenes": [{"name": str, "group": str}],
}


class RunFolder:
    """Paths of a run's files, of a scene or of a method and a scene."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def scene(self, scene: str, name: str = "scene.json") -> Path:
        """Return a file of a prepared scene; `scene.json` is written last."""
        return self.root / "scenes" / scene / name

    def _path(self, pattern: str, method: str, scene: str = "") -> Path:
        return self.root / pattern.format(method=method, scene=scene)

    view = partialmethod(_path, "views/{method}/{scene}.png")
    valid = partialmethod(_path, "views/{method}/{scene}_valid.png")
    sidecar = partialmethod(_path, "views/{method}/{scene}.json")
    method = partialmethod(_path, f"views/{{method}}/{METHOD}")
    score = partialmethod(_path, "scores/{method}/{scene}.json")
    failure = partialmethod(_path, "failures/{method}/{scene}.json")
    sheet = partialmethod(_path, "sheets/{method}/{scene}.png")

    def methods_on_disk(self) -> list[str]:
        """Return the names of all methods that have views, sorted."""
        return sorted(path.name for path in (self.root / "views").glob("*") if path.is_dir())

    def has_view(self, method: str, scene: str) -> bool:
        """Tell whether a view is complete: ours with its sidecar, other programs' as they are."""
        ours = self.method(method).is_file()
        return self.view(method, scene).is_file() and (
            not ours or self.sidecar(method, scene).is_file()
        )


def claim_run(folder: RunFolder, settings: dict[str, Any], scenes: list[dict[str, str]]) -> None:
    """Write `run.json`, or compare with the one there; a longer list of scenes replaces it.

    Raises:
        ValueError: when the folder holds results of another configuration.
        OSError: when it cannot be written.
    """
    path = folder.root / RUN
    if path.is_file() and has_results(folder.root):
        before = read_run(folder)
        _compare(before["settings"], settings, place=f"out: {folder.root}")
        both = zip(before["scenes"], scenes, strict=False)
        if any(old != new for old, new in both):
            raise ValueError(f"out: {folder.root} is of other scenes; choose another --out")
        if len(before["scenes"]) >= len(scenes):
            return
    elif (
        not path.is_file()
        and folder.root.is_dir()
        and any(not is_partial(entry) for entry in folder.root.iterdir())
    ):
        raise ValueError(f"out: {folder.root} holds other files and no {RUN}; choose another --out")
    write_json(path, {"settings": settings, "scenes": scenes})


def claim_method(folder: RunFolder, method: str, settings: dict[str, Any]) -> None:
    """Write a method's settings, or compare with those of the views that are there.

    Raises:
        ValueError: when its views were made otherwise.
    """
    path = folder.method(method)
    if path.is_file() and has_results(path.parent):
        _compare(read_json(path, {}), settings, place=f"out: {folder.root}, method {method}")
    else:
        write_json(path, settings)


def has_results(folder: Path) -> bool:
    """Tell whether there is more in a folder than what an attempt to make something has claimed."""
    paths = (path for path in folder.rglob("*") if path.is_file() and not is_partial(path.parent))
    return any(path.name not in (RUN, METHOD) for path in paths)


def read_run(folder: RunFolder) -> dict[str, Any]:
    """Return `run.json`.

    Raises:
        ValueError: when the folder holds no run.
    """
    path = folder.root / RUN
    if not path.is_file():
        raise ValueError(f"out: {folder.root} holds no {RUN}; run 'evaluate.py infer' first")
    run = read_json(path, RUN_SHAPE)
    names = [scene["name"] for scene in run["scenes"]]
    if any(name != Path(name).name for name in names):
        raise ValueError(f"out: {path} names scenes that are no file names")
    return run


def _compare(before: dict[str, Any], settings: dict[str, Any], *, place: str) -> None:
    settings = json.loads(json.dumps(settings))
    for key in sorted({*before, *settings}):
        if before.get(key) != settings.get(key):
            raise ValueError(
                f"{place} was made with {key} = {before.get(key)!r}, not {settings.get(key)!r}; "
                "choose another --out, results are not mixed"
            )


def write_image(path: Path, image: np.ndarray) -> None:
    """Write (H, W, 3) uint8 or (H, W) bool as PNG."""
    pixels = image.astype(np.uint8) * 255 if image.dtype == bool else image
    with whole_file(path) as partial:
        Image.fromarray(pixels).save(partial, format="PNG")


def read_mask(path: Path) -> np.ndarray:
    """Read what `write_image` wrote of a mask (H, W) bool."""
    return read_image(path)[..., 0] > 127


def write_map(path: Path, values: np.ndarray) -> None:
    """Write a map (H, W) float32 as .npy."""
    with whole_file(path) as partial:
        np.save(partial, values.astype(np.float32))
