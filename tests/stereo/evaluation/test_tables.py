"""Tables from hand-made scores: families of groups, ablations, differences, documents."""

from pathlib import Path

import pytest

from stereo.evaluation.files import RunFolder
from stereo.evaluation.json_files import write_json
from stereo.evaluation.report import put_tables
from stereo.evaluation.results import Mean, Result, means
from stereo.evaluation.tables import latex, markdown, table_notes, tables_of
from tests.stereo.evaluation.conftest import Evaluate

SETTINGS = {"size_px": 64, "crop": "none", "disparity": "true"}


def row(method: str, *, group: str = "Shapes", scene: str = "a", **metrics: float) -> Result:
    return Result(scene, group, method, "scored", dict(metrics), {})


def table(rows: list[Result], title: str) -> dict[str, dict[str, str]]:
    (found,) = (table for table in tables_of(means(rows)) if table.title == title)
    return {cells[0]: dict(zip(found.head, cells, strict=True)) for cells in found.rows}


def test_families_and_everything_have_means_of_scenes() -> None:
    groups = ("Middlebury 2001", "Middlebury 2001", "Middlebury 2014", "KITTI 2015")
    rows = [
        row("telea", group=group, scene=str(k), psnr=10.0 * k) for k, group in enumerate(groups)
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
    assert [mean.group for mean in means([row("telea", psnr=1.0)])] == ["Shapes"]


def test_ablation_says_what_a_part_brings() -> None:
    rows = [
        row("telea", psnr=20.0, epe=2.0),
        row("best", psnr=30.0, epe=1.0, psnr_occluded=20.0),
        row("best-without-attention", psnr=29.5, epe=1.25, psnr_occluded=20.5),
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
    rows = [row("best-without-attention", psnr=29.5), row("telea", psnr=20.0)]
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
    rows = [row("telea", **telea), row("best", **{**best, **changed})]
    found = table(rows, "Differences")["best - telea"]
    assert (found["scenes"], found["aim reached"]) == ("Shapes", reached)
    if not changed:
        assert (found["LPIPS-S %"], found["PSNR occ"]) == ("-10.0", "+0.50")


def test_presets_are_held_against_each_other() -> None:
    rows = [
        row("original", psnr=20.0, epe=3.0),
        row("paper", psnr=21.0, epe=3.0),
        row("best", psnr=22.0, epe=2.0),
    ]
    found = table(rows, "Differences")
    assert found["best - paper"]["aim reached"] == "yes"
    assert found["paper - original"]["aim reached"] == "no"
    assert "best - telea" not in found


def test_methods_are_not_compared_over_different_scenes() -> None:
    rows = [row("telea", psnr=20.0), row("telea", scene="b", psnr=22.0), row("best", psnr=30.0)]
    assert table(rows, "Differences")["best - telea"]["PSNR"] == "-"


def test_every_table_is_in_both_formats_with_its_notes() -> None:
    rows = [
        row("telea", group="KITTI 2015", psnr=20.0, lpips_squeeze=0.1),
        row("best", group="KITTI 2015", psnr=21.0, lpips_squeeze=0.05),
        row("best-without-fusion", group="KITTI 2015", psnr=20.5, lpips_squeeze=0.05),
    ]
    summary = means(rows)
    notes = table_notes(SETTINGS, summary)
    text, tex = markdown("Test", summary, notes), latex("Test", summary, notes)
    assert text.count("\n## ") == tex.count("\\begin{table}") == 3
    assert "GenStereo (pseudo disparity) (published) | - | 23.49 | 0.849" in text
    assert "GenStereo (pseudo disparity) (published) & - & 23.49 & 0.849" in tex
    assert "LPIPS 0.1: S SqueezeNet 1.1." in text and "Aim of best - telea" in text
    assert r"LPIPS-S \%" in tex and "LPIPS-S %" not in tex
    skipped = table_notes(
        SETTINGS,
        [Mean("KITTI 2015", "telea", 1, {"psnr": 1.0}, {"psnr": frozenset({("KITTI 2015", "a")})})],
    )
    assert "LPIPS skipped: weights not found." in skipped


@pytest.fixture
def reported(tmp_path: Path) -> RunFolder:
    folder = RunFolder(tmp_path / "mine")
    write_json(folder.root / "summary.json", {"git_commit": "abc"})
    (folder.root / "table.md").write_text("# Name\n\n- note\n\n## Shapes\n\n| a |\n")
    return folder


def test_tables_go_between_their_markers_again_and_again(
    reported: RunFolder, tmp_path: Path
) -> None:
    document = tmp_path / "results.md"
    document.write_text("before\n<!-- run: mine -->\nold\n<!-- end: mine -->\nafter\n")
    put_tables(reported, document)
    once = document.read_text()
    assert once.startswith("before\n<!-- run: mine -->\n- Code: commit abc")
    assert "- note\n\n#### Shapes\n\n| a |\n<!-- end: mine -->\nafter\n" in once
    assert "old" not in once and "# Name" not in once
    put_tables(reported, document)
    assert document.read_text() == once


@pytest.mark.parametrize(
    "text",
    ["", "<!-- run: mine -->", "<!-- end: mine --><!-- run: mine -->", "<!-- run: other -->"],
)
def test_documents_without_a_place_stay_as_they_are(
    reported: RunFolder, tmp_path: Path, text: str
) -> None:
    document = tmp_path / "results.md"
    document.write_text(text)
    with pytest.raises(ValueError, match="needs one '<!-- run: mine -->'"):
        put_tables(reported, document)
    assert document.read_text() == text


def test_into_fills_a_document(evaluate: Evaluate, finished: Path, tmp_path: Path) -> None:
    document = tmp_path / "results.md"
    document.write_text("<!-- run: run -->\n<!-- end: run -->\n")
    assert evaluate("report", "--out", finished, "--into", document).code == 0
    assert "| telea | 2 |" in document.read_text()
    outcome = evaluate("report", "--out", finished, "--into", tmp_path / "none.md")
    assert outcome.code == 2 and "--into: no file" in outcome.err
