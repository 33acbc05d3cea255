"""Means are compared over the very same scenes, and scores belong to what they were made with."""

import dataclasses

import pytest

from stereo.evaluation.columns import ABSENT, Column
from stereo.evaluation.differences import ablation_tables, comparison_tables
from stereo.evaluation.results import SCORED, Result, means


def row(scene: str, method: str, psnr: float) -> Result:
    return Result(scene, "Shapes", method, SCORED, {"psnr": psnr}, {})


@pytest.mark.parametrize(("scene", "shown"), [("a", "+10.00"), ("b", ABSENT)])
def test_a_difference_is_of_the_same_scenes(scene: str, shown: str) -> None:
    summary = means([row("a", "telea", 20.0), row(scene, "best", 30.0)])
    (table,) = comparison_tables(summary)
    assert table.rows[0][3] == shown


@pytest.mark.parametrize(("scene", "shown"), [("a", "+10.00"), ("b", ABSENT)])
def test_what_a_part_brings_is_of_the_same_scenes(scene: str, shown: str) -> None:
    summary = means([row("a", "best-without-masking", 20.0), row(scene, "best", 30.0)])
    (table,) = ablation_tables(summary, [Column("psnr", "PSNR", 2)])
    assert table.rows[1][3] == shown


def test_one_scene_s_name_in_two_groups_is_two_scenes() -> None:
    first = row("a", "best", 30.0)
    (mean, *_) = means([first, dataclasses.replace(first, group="KITTI")])[-1:]
    assert mean.group == "all" and mean.counts == {"psnr": 2}
