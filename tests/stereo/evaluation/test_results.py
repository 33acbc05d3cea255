"""Means over scenes, groups and families of groups."""

import dataclasses

from stereo.evaluation.results import means
from tests.stereo.evaluation.conftest import result


def test_families_and_everything_have_means_of_scenes() -> None:
    groups = ("Middlebury 2001", "Middlebury 2001", "Middlebury 2014", "KITTI 2015")
    rows = [
        result("telea", group=group, scene=str(k), psnr=10.0 * k) for k, group in enumerate(groups)
    ]
    found = {mean.group: (mean.metrics["psnr"], mean.scenes) for mean in means(rows)}
    assert found == {
        "Middlebury 2001": (5, 2),
        "Middlebury 2014": (20, 1),
        "KITTI 2015": (30, 1),
        "Middlebury (all)": (10, 3),
        "all": (15, 4),
    }


def test_one_group_stands_alone() -> None:
    assert [mean.group for mean in means([result("telea", psnr=1.0)])] == ["Shapes"]


def test_one_scene_s_name_in_two_groups_is_two_scenes() -> None:
    first = result("best", scene="a", psnr=30.0)
    (mean, *_) = means([first, dataclasses.replace(first, group="KITTI")])[-1:]
    assert mean.group == "all" and mean.counts == {"psnr": 2}
