"""Any folder of photos, without pairs: what a warp there and back would lose is hidden and filled.

Each photo is the true right view. A monocular map moves it to the left view, and the method has
to bring it back: its holes are what the left view does not show; the photo says what belongs there.
"""

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from stereo.depth.disparity import normalise_disparity
from stereo.evaluation.datasets.manifest import file_name
from stereo.evaluation.datasets.scene import Scene, SceneSource, require_folder, require_scenes
from stereo.evaluation.sources import Monocular
from stereo.images import list_images, read_image
from stereo.pixels.holes import fill_holes
from stereo.pixels.warp import own_disparity, seen_from_right, warp_with_disparity

PHOTOS = "photos"
RANGE_PERCENT = 6.0


def list_photos(root: Path) -> list[SceneSource]:
    """List the photos of a folder."""
    require_folder(root, "photos")
    scenes = [
        SceneSource(file_name(path.stem), root.name, partial(_read, path))
        for path in list_images(root)
    ]
    return require_scenes(scenes, root, expected="photos")


def _read(path: Path) -> Scene:
    photo = read_image(path)
    return Scene(file_name(path.stem), photo, right=photo)


def unpaired(scene: Scene, monocular: Monocular) -> Scene:
    """Return a photo's scene with a made left view, its disparity, and what it hides.

    Args:
        scene: its right view is the photo.
        monocular: maps (H, W, 3) uint8 to relative disparity; its range becomes `RANGE_PERCENT` of
            the width.
    """
    relative = normalise_disparity(monocular(scene.right)).astype(np.float32)
    right_px = relative * np.float32(RANGE_PERCENT / 100 * scene.right.shape[1])
    left, _ = fill_holes(*warp_with_disparity(scene.right, right_px, eye="left"), eye="left")
    mirrored = np.ascontiguousarray(right_px[:, ::-1])
    return replace(
        scene,
        left=left,
        disparity=own_disparity(right_px, of="left"),
        visible=np.ascontiguousarray(seen_from_right(mirrored)[:, ::-1]),
    )
