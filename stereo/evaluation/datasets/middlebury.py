"""Middlebury 2014: one folder a scene, im0, im1 and disp0.pfm."""

from pathlib import Path

from stereo.evaluation.datasets.scene import (
    Scene,
    SceneSource,
    optional,
    require_folder,
    require_scenes,
)
from stereo.evaluation.datasets.truth import read_pfm
from stereo.images import read_image

OFFICIAL_NAME = "Middlebury Stereo 2014, scenes with perfect rectification"
EXPECTED = "folders <scene>-perfect/ with im0.png, im1.png and disp0.pfm"
IMPERFECT = "-imperfect"


def list_middlebury(root: Path, *, group: str = "Middlebury 2014") -> list[SceneSource]:
    """List the scenes under `root`; those of imperfect rectification are left out."""
    require_folder(root, official_name=OFFICIAL_NAME, expected=EXPECTED)
    folders = sorted(path.parent for path in root.rglob("im0.png"))
    scenes = [
        SceneSource(folder.name, group, lambda folder=folder: _load(folder))
        for folder in folders
        if not folder.name.endswith(IMPERFECT)
    ]
    return require_scenes(scenes, root, expected=f"{EXPECTED} of '{OFFICIAL_NAME}'")


def _load(folder: Path) -> Scene:
    right, disparity = (optional(folder / name) for name in ("im1.png", "disp0.pfm"))
    return Scene(
        folder.name,
        read_image(folder / "im0.png"),
        None if right is None else read_image(right),
        None if disparity is None else read_pfm(disparity),
    )
