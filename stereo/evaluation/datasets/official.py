"""Middlebury 2014, KITTI 2015 and KITTI 2012, as their official archives unpack."""

from pathlib import Path

from stereo.evaluation.datasets.scene import (
    SceneSource,
    existing,
    file_source,
    require_folder,
    require_scenes,
)
from stereo.evaluation.datasets.truth import read_kitti, read_stored

MIDDLEBURY = (
    "folders <scene>-perfect/ with im0.png, im1.png and disp0.pfm of the data set 'Middlebury "
    "Stereo 2014, scenes with perfect rectification'"
)
IMPERFECT = "-imperfect"
# Official name; folders of the left view, the right view, the disparity with occluded pixels.
KITTI = {
    2015: (
        "KITTI Stereo/Scene Flow 2015 (data_scene_flow.zip)",
        *("image_2", "image_3", "disp_occ_0"),
    ),
    2012: ("KITTI Stereo 2012 (data_stereo_flow.zip)", "colored_0", "colored_1", "disp_occ"),
}


def list_middlebury(root: Path) -> list[SceneSource]:
    """List the scenes under `root`; those of imperfect rectification are left out."""
    require_folder(root, MIDDLEBURY)
    scenes = []
    for left in sorted(root.rglob("im0.png")):
        right, disparity = (existing(left.with_name(name)) for name in ("im1.png", "disp0.pfm"))
        if not left.parent.name.endswith(IMPERFECT):
            name = left.parent.name
            scenes.append(file_source("Middlebury 2014", name, left, right, disparity, read_stored))
    return require_scenes(scenes, root, expected=MIDDLEBURY)


def list_kitti(root: Path, *, year: int) -> list[SceneSource]:
    """List the first frames under `root`, which holds `training/` or is that folder itself."""
    official_name, *folders = KITTI[year]
    layout = "training/ with {}/, {}/ and {}/ (frames *_10.png)".format(*folders)
    expected = f"{layout} of the data set '{official_name}'"
    require_folder(root, expected)
    training = root / "training" if (root / "training").is_dir() else root
    scenes = []
    for left in sorted((training / folders[0]).glob("*_10.png")):
        right, truth = (existing(training / folder / left.name) for folder in folders[1:])
        group = f"KITTI {year}"
        scenes.append(file_source(group, left.stem, left, right, truth, read_kitti, square=True))
    return require_scenes(scenes, root, expected=expected)
