"""KITTI 2015 and 2012: the first frame of every training scene, sparse LiDAR disparity."""

from pathlib import Path

from stereo.evaluation.datasets.scene import (
    Scene,
    SceneSource,
    optional,
    require_folder,
    require_scenes,
)
from stereo.evaluation.datasets.truth import read_kitti
from stereo.images import read_image

OFFICIAL_NAMES = {
    2015: "KITTI Stereo/Scene Flow 2015 (data_scene_flow.zip)",
    2012: "KITTI Stereo 2012 (data_stereo_flow.zip)",
}
# Folders of the left view, the right view, and the disparity with occluded pixels.
LAYOUTS = {
    2015: ("image_2", "image_3", "disp_occ_0"),
    2012: ("colored_0", "colored_1", "disp_occ"),
}


def list_kitti(root: Path, *, year: int) -> list[SceneSource]:
    """List the scenes under `root`, which holds `training/` or is that folder itself."""
    left, right, disparity = LAYOUTS[year]
    expected = f"training/ with {left}/, {right}/ and {disparity}/ (frames *_10.png)"
    require_folder(root, official_name=OFFICIAL_NAMES[year], expected=expected)
    training = root / "training" if (root / "training").is_dir() else root
    frames = sorted((training / left).glob("*_10.png"))
    scenes = [
        SceneSource(
            frame.stem,
            f"KITTI {year}",
            lambda frame=frame: _load(
                frame, training / right / frame.name, training / disparity / frame.name
            ),
        )
        for frame in frames
    ]
    return require_scenes(scenes, root, expected=f"{expected} of '{OFFICIAL_NAMES[year]}'")


def _load(left: Path, right: Path, disparity: Path) -> Scene:
    return Scene(
        left.stem,
        read_image(left),
        None if optional(right) is None else read_image(right),
        None if optional(disparity) is None else read_kitti(disparity),
        square=True,
    )
