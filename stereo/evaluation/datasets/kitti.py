"""KITTI 2015 and 2012: the first frame of every training scene, sparse LiDAR disparity."""

from functools import partial
from pathlib import Path

from stereo.evaluation.datasets.scene import (
    SceneSource,
    existing,
    read_scene_files,
    require_folder,
    require_scenes,
)
from stereo.evaluation.datasets.truth import read_kitti

# Official name; folders of the left view, the right view, the disparity with occluded pixels.
LAYOUTS = {
    2015: (
        "KITTI Stereo/Scene Flow 2015 (data_scene_flow.zip)",
        *("image_2", "image_3", "disp_occ_0"),
    ),
    2012: (
        "KITTI Stereo 2012 (data_stereo_flow.zip)",
        *("colored_0", "colored_1", "disp_occ"),
    ),
}


def list_kitti(root: Path, *, year: int) -> list[SceneSource]:
    """List the scenes under `root`, which holds `training/` or is that folder itself."""
    official_name, *folders = LAYOUTS[year]
    layout = "training/ with {}/, {}/ and {}/ (frames *_10.png)".format(*folders)
    expected = f"{layout} of the data set '{official_name}'"
    require_folder(root, expected)
    training = root / "training" if (root / "training").is_dir() else root
    scenes = []
    for left in sorted((training / folders[0]).glob("*_10.png")):
        right, disparity = (existing(training / folder / left.name) for folder in folders[1:])
        files = (left.stem, left, right, disparity, read_kitti)
        load = partial(read_scene_files, *files, square=True)
        scenes.append(SceneSource(left.stem, f"KITTI {year}", load))
    return require_scenes(scenes, root, expected=expected)
