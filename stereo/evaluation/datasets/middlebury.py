"""Middlebury 2014: one folder a scene, im0, im1 and disp0.pfm."""

from functools import partial
from pathlib import Path

from stereo.evaluation.datasets.scene import (
    SceneSource,
    existing,
    read_scene_files,
    require_folder,
    require_scenes,
)
from stereo.evaluation.datasets.truth import read_stored

EXPECTED = (
    "folders <scene>-perfect/ with im0.png, im1.png and disp0.pfm of the data set 'Middlebury "
    "Stereo 2014, scenes with perfect rectification'"
)
GROUP = "Middlebury 2014"
IMPERFECT = "-imperfect"


def list_middlebury(root: Path) -> list[SceneSource]:
    """List the scenes under `root`; those of imperfect rectification are left out."""
    require_folder(root, EXPECTED)
    scenes = []
    for left in sorted(root.rglob("im0.png")):
        right, disparity = (existing(left.with_name(name)) for name in ("im1.png", "disp0.pfm"))
        files = (left.parent.name, left, right, disparity, read_stored)
        if not left.parent.name.endswith(IMPERFECT):
            scenes.append(SceneSource(left.parent.name, GROUP, partial(read_scene_files, *files)))
    return require_scenes(scenes, root, expected=EXPECTED)
