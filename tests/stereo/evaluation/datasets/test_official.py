"""Middlebury and KITTI in their official layouts."""

from pathlib import Path

import numpy as np
import pytest

from stereo.evaluation.protocol import Protocol, fit_scene
from tests.stereo.evaluation.conftest import HEIGHT, WIDTH, scenes_of, views, write_image


def test_middlebury(middlebury: Path) -> None:
    sources = scenes_of("middlebury2014", middlebury)
    assert [source.name for source in sources] == ["Bike-perfect", "Chair-perfect"]
    scene = sources[0].load()
    left, right = views(0)
    np.testing.assert_array_equal(scene.left, left)
    np.testing.assert_array_equal(scene.right, right)
    assert np.isnan(scene.disparity[0, 0]) and scene.disparity[-1, -1] == 7.5
    assert np.isfinite(scene.disparity).sum() == HEIGHT * WIDTH - 1


def test_kitti(kitti: Path) -> None:
    for root in (kitti, kitti / "training"):
        sources = scenes_of("kitti2015", root)
        assert [source.name for source in sources] == ["000000_10", "000001_10"]
    scene = sources[0].load()
    assert scene.disparity[0, 0] == 6.5 and np.isnan(scene.disparity[0, 1])
    assert scene.square
    fitted = fit_scene(scene, Protocol(size_px=144))
    assert fitted.left.shape == (144, 144, 3)
    assert np.nanmax(fitted.disparity) == pytest.approx(6.5 * 2)


def test_kitti_2012_has_other_folders(kitti: Path) -> None:
    training = kitti / "training"
    for new, old in (
        ("colored_0", "image_2"),
        ("colored_1", "image_3"),
        ("disp_occ", "disp_occ_0"),
    ):
        (training / old).rename(training / new)
    source, _ = scenes_of("kitti2012", kitti)
    scene = source.load()
    np.testing.assert_array_equal(scene.right, views(0)[1])
    assert source.group == "KITTI 2012" and scene.disparity[0, 0] == 6.5 and scene.square


def test_sizes_that_differ(middlebury: Path) -> None:
    write_image(middlebury / "Bike-perfect" / "im1.png", np.zeros((8, 9, 3), np.uint8))
    with pytest.raises(ValueError, match="right: got 9x8 px in scene Bike-perfect, .* 96x72"):
        scenes_of("middlebury2014", middlebury)[0].load()
