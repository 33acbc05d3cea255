"""A plain folder of scenes: a subfolder each, or `left/` beside `right/`."""

from pathlib import Path

import numpy as np

from stereo.evaluation.datasets.manifest import file_name
from stereo.evaluation.datasets.scene import (
    SceneSource,
    file_source,
    require_folder,
    require_scenes,
)
from stereo.evaluation.datasets.truth import read_kitti, read_stored
from stereo.images import picture_suffixes

EXPECTED = "NAME/left.* and NAME/right.*, or left/NAME.* and right/NAME.*"
PARTS = ("left", "right", "disparity")
MAP_SUFFIXES = (".pfm", ".npy", ".png")


def list_folder(root: Path) -> list[SceneSource]:
    """List the scenes of a plain folder.

    Disparity is `disparity.*` in a scene's folder or `disparity/NAME.*`: .pfm and .npy in
    pixels, .png in 16 bits as KITTI stores it.
    """
    require_folder(root, EXPECTED)
    pictures = tuple(sorted(picture_suffixes()))
    suffixes = (pictures, pictures, MAP_SUFFIXES)
    if (root / "left").is_dir():
        names = sorted({p.stem for p in (root / "left").iterdir() if p.suffix.lower() in pictures})
        stems = {name: [root / part / name for part in PARTS] for name in names}
    else:
        folders = sorted(p for p in root.iterdir() if p.is_dir() and _first(p / "left", pictures))
        stems = {folder.name: [folder / part for part in PARTS] for folder in folders}
    scenes = []
    for name, parts in stems.items():
        left, right, truth = map(_first, parts, suffixes)
        scenes.append(file_source(root.name, file_name(name), left, right, truth, _read))
    return require_scenes(scenes, root, expected=EXPECTED)


def _first(stem: Path, suffixes: tuple[str, ...]) -> Path | None:
    """Return the file of that name whose suffix comes first, or None."""
    beside = sorted(stem.parent.iterdir()) if stem.parent.is_dir() else []
    files = [path for path in beside if path.stem == stem.name and path.is_file()]
    usable = [path for path in files if path.suffix.lower() in suffixes]
    return min(usable, key=lambda path: suffixes.index(path.suffix.lower()), default=None)


def _read(path: Path) -> np.ndarray:
    return read_kitti(path) if path.suffix.lower() == ".png" else read_stored(path)
