"""Photos without pairs: what a warp there and back loses is known, and hidden."""

from pathlib import Path

import numpy as np
import pytest

from stereo.evaluation.datasets.photos import RANGE_PERCENT, unpaired
from stereo.pixels.warp import warp_right
from tests.stereo.evaluation.conftest import WIDTH, scenes_of, views, write_image


def middle(photo: np.ndarray) -> np.ndarray:
    """Say that the middle third of a photo is near."""
    near = np.zeros(photo.shape[:2], np.float32)
    near[:, WIDTH // 3 : 2 * WIDTH // 3] = 3
    return near


def test_the_photo_is_the_right_view_and_its_holes_are_what_the_left_one_lacks(tmp_path: Path):
    photo, _ = views(1)
    write_image(tmp_path / "cat.png", photo)
    (source,) = scenes_of("photos", tmp_path)
    scene = unpaired(source.load(), middle)
    assert source.name == "cat" and np.array_equal(scene.right, photo)
    shift = round(RANGE_PERCENT / 100 * WIDTH)
    hidden = np.flatnonzero(~scene.visible.all(axis=0))
    # The near third moves right, over the background on its right side.
    assert hidden.min() == 2 * WIDTH // 3 and abs(len(hidden) - shift) <= 1
    back, landed = warp_right(scene.left, scene.disparity)
    kept = landed & scene.visible
    kept[:, :2] = kept[:, -2:] = False
    assert kept.mean() > 0.85
    assert np.abs(back.astype(int) - photo)[kept].mean() < 3


@pytest.mark.parametrize("content", ["empty", "missing"])
def test_a_folder_without_photos_is_refused(tmp_path: Path, content: str):
    root = tmp_path / content
    if content == "empty":
        root.mkdir()
    with pytest.raises((ValueError, FileNotFoundError), match="photos|no picture|no image"):
        scenes_of("photos", root)
