"""A run's folder: where every file lies, atomic writing, and the refusal to mix runs.

run.json                        settings that all results share, and the scenes in order
scenes/SCENE/                   left, right, disparity, truth, visible mask
views/METHOD/SCENE.png          right view; any other method's can be put there to be scored
views/METHOD/SCENE_valid.png    its pixels that came from the left view
views/METHOD/SCENE.json         sidecar
views/METHOD/method.json        the method's settings
scores/METHOD/SCENE.json        metrics
failures/                       scenes that failed, until they succeed
scores.csv, summary.json, table.md, table.tex, sheets/
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ldm.files import is_partial, write_bytes, write_text

RUN, METHOD = "run.json", "method.json"
SUMMARY, TABLE = "summary.json", "table.md"


class RunFolder:
    """Paths of a run's files."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def scene(self, scene: str) -> Path:
        """Return the folder of a prepared scene."""
        return self.root / "scenes" / scene

    def view(self, method: str, scene: str) -> Path:
        """Return the file of a right view."""
        return self.root / "views" / method / f"{scene}.png"

    def valid(self, method: str, scene: str) -> Path:
        """Return the file of a right view's valid mask."""
        return self.root / "views" / method / f"{scene}_valid.png"

    def sidecar(self, method: str, scene: str) -> Path:
        """Return the file that is written last, when a view is complete."""
        return self.root / "views" / method / f"{scene}.json"

    def method(self, method: str) -> Path:
        """Return the file of a method's settings."""
        return self.root / "views" / method / METHOD

    def score(self, method: str, scene: str) -> Path:
        """Return the file of a view's metrics."""
        return self.root / "scores" / method / f"{scene}.json"

    def failure(self, method: str, scene: str) -> Path:
        """Return the file that tells why a scene failed."""
        return self.root / "failures" / method / f"{scene}.json"

    def sheet(self, method: str, scene: str) -> Path:
        """Return the file of a contact sheet."""
        return self.root / "sheets" / method / f"{scene}.png"

    def methods_on_disk(self) -> list[str]:
        """Return the names of all methods that have views, sorted."""
        return sorted(path.name for path in (self.root / "views").glob("*") if path.is_dir())


def claim_run(folder: RunFolder, settings: dict[str, Any], scenes: list[dict[str, str]]) -> None:
    """Write `run.json`, or compare with the one there; a longer list of scenes replaces it.

    Raises:
        ValueError: when the folder holds results of another configuration.
        OSError: when it cannot be written.
    """
    path = folder.root / RUN
    if path.is_file():
        known = read_json(path)
        _compare(known["settings"], settings, place=f"out: {folder.root}")
        both = zip(known["scenes"], scenes, strict=False)
        if any(old != new for old, new in both):
            raise ValueError(f"out: {folder.root} is of other scenes; choose another --out")
        if len(known["scenes"]) >= len(scenes):
            return
    elif folder.root.is_dir() and any(not is_partial(entry) for entry in folder.root.iterdir()):
        raise ValueError(f"out: {folder.root} holds other files and no {RUN}; choose another --out")
    write_json(path, {"settings": settings, "scenes": scenes})


def claim_method(folder: RunFolder, method: str, settings: dict[str, Any]) -> None:
    """Write a method's settings, or compare with those of the views that are there.

    Raises:
        ValueError: when its views were made otherwise.
    """
    path = folder.method(method)
    if path.is_file():
        _compare(read_json(path), settings, place=f"out: {folder.root}, method {method}")
    else:
        write_json(path, settings)


def _compare(known: dict[str, Any], wanted: dict[str, Any], *, place: str) -> None:
    wanted = json.loads(json.dumps(wanted))
    for key in sorted({*known, *wanted}):
        if known.get(key) != wanted.get(key):
            raise ValueError(
                f"{place} was made with {key} = {known.get(key)!r}, not {wanted.get(key)!r}; "
                "choose another --out, results are not mixed"
            )


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        ValueError: when it is damaged.
        OSError: when it cannot be read.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"out: {path} is damaged; delete it and run again") from error


def write_json(path: Path, content: Any) -> None:
    """Write JSON whose bytes depend on the content alone."""
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False, sort_keys=True) + "\n")


def write_image(path: Path, image: np.ndarray) -> None:
    """Write (H, W, 3) uint8 or (H, W) bool as PNG."""
    from io import BytesIO

    buffer = BytesIO()
    pixels = image.astype(np.uint8) * 255 if image.dtype == bool else image
    Image.fromarray(pixels).save(buffer, format="PNG")
    write_bytes(path, buffer.getvalue())


def read_mask(path: Path) -> np.ndarray:
    """Read what `write_image` wrote of a mask (H, W) bool."""
    with Image.open(path) as image:
        return np.asarray(image.convert("L")) > 127


def write_map(path: Path, values: np.ndarray) -> None:
    """Write a map (H, W) float32 as .npy."""
    from io import BytesIO

    buffer = BytesIO()
    np.save(buffer, values.astype(np.float32))
    write_bytes(path, buffer.getvalue())
