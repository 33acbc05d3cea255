"""Ablations and comparisons, over the very same scenes alone."""

import pytest

from stereo.evaluation.columns import ABSENT, Column
from stereo.evaluation.differences import ablation_tables, comparison_tables
from stereo.evaluation.results import Result, means
from stereo.evaluation.tables import tables_of
from tests.stereo.evaluation.conftest import result


def table(rows: list[Result], title: str) -> dict[str, dict[str, str]]:
    (found,) = (table for table in tables_of(means(rows)) if table.title == title)
    return {cells[0]: dict(zip(found.head, cells, strict=True)) for cells in found.rows}


def test_ablation_says_what_a_part_brings() -> None:
    rows = [
        result("telea", psnr=20.0, epe=2.0),
        result("best", psnr=30.0, epe=1.0, psnr_occluded=20.0),
        result("best-without-attention", psnr=29.5, epe=1.25, psnr_occluded=20.5),
    ]
    found = table(rows, "Shapes: what the parts of best bring")
    assert list(found) == ["best", "without-attention"]
    assert found["best"]["PSNR lost"] == "-"
    lost = found["without-attention"]
    assert (lost["PSNR"], lost["PSNR lost"], lost["EPE added"]) == ("29.50", "+0.50", "+0.25")
    assert lost["PSNR occ lost"] == "-0.50"
    # The table of the group is about whole methods.
    assert list(table(rows, "Shapes")) == ["telea", "best"]


def test_a_variant_without_its_base_is_shown_as_a_method() -> None:
    rows = [result("best-without-attention", psnr=29.5), result("telea", psnr=20.0)]
    assert "best-without-attention" in table(rows, "Shapes")


@pytest.mark.parametrize(
    ("changed", "reached"),
    [
        ({}, "yes"),
        ({"psnr": 24.9}, "no"),
        ({"ssim": 0.89}, "no"),
        ({"lpips_squeeze": 0.091}, "no"),
        ({"psnr_occluded": 17.4}, "no"),
        ({"lpips_squeeze": None}, "-"),
        ({"lpips_squeeze": None, "psnr": 24.0}, "no"),
    ],
)
def test_best_is_held_against_telea(changed: dict[str, float | None], reached: str) -> None:
    telea = {"psnr": 25.0, "ssim": 0.9, "lpips_squeeze": 0.1, "psnr_occluded": 17.0, "epe": 1.0}
    best = {"psnr": 25.0, "ssim": 0.9, "lpips_squeeze": 0.09, "psnr_occluded": 17.5, "epe": 1.0}
    rows = [result("telea", **telea), result("best", **{**best, **changed})]
    found = table(rows, "Differences")["best - telea"]
    assert (found["scenes"], found["aim reached"]) == ("Shapes", reached)
    if not changed:
        assert (found["LPIPS-S %"], found["PSNR occ"]) == ("-10.0", "+0.50")


def test_presets_are_held_against_each_other() -> None:
    rows = [
        result("original", psnr=20.0, epe=3.0),
        result("paper", psnr=21.0, epe=3.0),
        result("best", psnr=22.0, epe=2.0),
    ]
    found = table(rows, "Differences")
    assert found["best - paper"]["aim reached"] == "yes"
    assert found["paper - original"]["aim reached"] == "no"
    assert "best - telea" not in found


def test_methods_are_not_compared_over_different_scenes() -> None:
    rows = [
        result("telea", psnr=20.0),
        result("telea", scene="b", psnr=22.0),
        result("best", psnr=30.0),
    ]
    assert table(rows, "Differences")["best - telea"]["PSNR"] == "-"


@pytest.mark.parametrize(("scene", "shown"), [("a", "+10.00"), ("b", ABSENT)])
def test_a_difference_is_of_the_same_scenes(scene: str, shown: str) -> None:
    summary = means([result("telea", scene="a", psnr=20.0), result("best", scene=scene, psnr=30.0)])
    (table,) = comparison_tables(summary)
    assert table.rows[0][3] == shown


@pytest.mark.parametrize(("scene", "shown"), [("a", "+10.00"), ("b", ABSENT)])
def test_what_a_part_brings_is_of_the_same_scenes(scene: str, shown: str) -> None:
    summary = means(
        [
            result("best-without-masking", scene="a", psnr=20.0),
            result("best", scene=scene, psnr=30.0),
        ]
    )
    (table,) = ablation_tables(summary, [Column("psnr", "PSNR", 2)])
    assert table.rows[1][3] == shown
