"""evaluate.py from data to tables: resuming, sharing, refusing, failing."""

import csv
import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ldm.files import is_partial
from stereo.evaluation.json_files import read_json
from stereo.evaluation.methods.classical import CLASSICAL
from stereo.evaluation.methods.models import GenerationSettings, Models
from stereo.evaluation.methods.registry import ablations, make_method, method_names
from stereo.evaluation.methods.rendering import RenderingTask
from stereo.options import PRESETS
from tests.stereo.evaluation.conftest import (
    CONFIG,
    QUICK,
    ROOT,
    Evaluate,
    tables,
    views,
    write_image,
)


def rows(out: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO((out / "scores.csv").read_text())))


def test_whole_run(finished: Path) -> None:
    found = {(row["scene"], row["method"]): row for row in rows(finished)}
    assert len(found) == 4 and {row["status"] for row in found.values()} == {"scored"}
    copy, telea = (found["Bike-perfect", method] for method in ("copy-left", "telea"))
    assert float(telea["psnr_visible"]) > float(copy["psnr_visible"]) + 10
    assert float(telea["epe_visible"]) < 1 < float(copy["epe_visible"])
    table = (finished / "table.md").read_text()
    assert "StereoDiffusion (SD 1.5) (published) | - | 15.46 | 0.468" in table
    assert "Disparity: ground truth" in table and "Gaussian 11x11" in table
    assert r"\bottomrule" in (finished / "table.tex").read_text()
    summary = json.loads((finished / "summary.json").read_text())
    assert summary["settings"]["size_px"] == 64 and len(summary["git_commit"]) >= 7
    (mean,) = (m for m in summary["means"] if m["method"] == "telea")
    expected = np.mean(
        [float(found[s, "telea"]["psnr"]) for s in ("Bike-perfect", "Chair-perfect")]
    )
    assert mean["metrics"]["psnr"] == pytest.approx(expected, abs=1e-5)
    assert mean["counts"]["psnr"] == mean["scenes"] == 2
    with Image.open(finished / "sheets" / "telea" / "Bike-perfect.png") as sheet:
        assert sheet.size[0] == 5 * 64
    assert not [path for path in finished.rglob("*") if is_partial(path)]
    (commit,) = {
        read_json(path, {})["git_commit"] for path in (finished / "views").rglob("*t.json")
    }
    assert summary["git_commit"] == commit


def test_two_shards_make_the_same_tables(
    evaluate: Evaluate, finished: Path, middlebury: Path, tmp_path: Path
) -> None:
    out = tmp_path / "shared"
    told = ("--config", CONFIG, "--data", middlebury, "--out", out, *QUICK)
    for shard in ("2/2", "1/2"):
        outcome = evaluate(*told, "--shard", shard)
        assert outcome.code == 0 and not (out / "table.md").exists()
    assert evaluate("report", "--out", out).code == 0
    assert tables(out) == tables(finished)


def test_killed_run_goes_on(
    evaluate: Evaluate,
    finished: Path,
    middlebury: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out, asked, real = tmp_path / "again", [], CLASSICAL["telea"]

    def telea(task: RenderingTask) -> object:
        asked.append(task.name)
        if len(asked) == 2:
            raise KeyboardInterrupt
        return real(task)

    monkeypatch.setitem(CLASSICAL, "telea", telea)
    told = ("--config", CONFIG, "--data", middlebury, "--out", out, *QUICK)
    assert evaluate(*told).code == 130
    assert evaluate(*told).code == 0
    assert asked == ["Bike-perfect", "Chair-perfect", "Chair-perfect"]
    assert tables(out) == tables(finished)
    views = {path: path.stat().st_mtime_ns for path in out.rglob("*.png")}
    assert evaluate(*told).code == 0
    assert views == {path: path.stat().st_mtime_ns for path in out.rglob("*.png")}


def test_other_views_are_scored_the_same_way(evaluate: Evaluate, finished: Path) -> None:
    theirs = finished / "views" / "theirs"
    theirs.mkdir()
    for path in (finished / "views" / "telea").glob("*-perfect.png"):
        shutil.copy(path, theirs / path.name)
    assert evaluate("score", "--out", finished).code == 0
    assert evaluate("report", "--out", finished).code == 0
    found = {(row["scene"], row["method"]): row for row in rows(finished)}
    for scene in ("Bike-perfect", "Chair-perfect"):
        ours, other = found[scene, "telea"], found[scene, "theirs"]
        assert {**other, "method": "telea"} == ours


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (("--disparity", "pseudo"), "disparity = 'true', not 'pseudo'"),
        (("--size", "128"), "size_px = 64, not 128"),
    ],
)
def test_runs_are_not_mixed(
    evaluate: Evaluate, finished: Path, middlebury: Path, changed: tuple[str, ...], message: str
) -> None:
    told = ("--config", CONFIG, "--data", middlebury, "--out", finished, *QUICK, *changed)
    outcome = evaluate(*told)
    assert outcome.code == 2 and message in outcome.err and outcome.err.count("\n") == 1


def test_scenes_may_grow_but_not_change(
    evaluate: Evaluate, middlebury: Path, tmp_path: Path
) -> None:
    told = ("--config", CONFIG, "--data", middlebury, "--out", tmp_path / "run", "--size", "64")
    told = (*told, "--methods", "copy-left", "--no_sheets")
    assert evaluate(*told, "--limit", "1").code == 0
    assert [row["scene"] for row in rows(tmp_path / "run")] == ["Bike-perfect"]
    assert evaluate(*told).code == 0
    assert len(rows(tmp_path / "run")) == 2
    (middlebury / "Bike-perfect").rename(middlebury / "Zoo-perfect")
    outcome = evaluate(*told)
    assert outcome.code == 2 and "is of other scenes" in outcome.err


def test_other_files_are_left_alone(evaluate: Evaluate, middlebury: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("")
    outcome = evaluate("--config", CONFIG, "--data", middlebury, "--out", tmp_path / "mine")
    assert outcome.code == 2 and "holds other files and no run.json" in outcome.err


def test_scene_without_right_view(evaluate: Evaluate, middlebury: Path, tmp_path: Path) -> None:
    (middlebury / "Chair-perfect" / "im1.png").unlink()
    out = tmp_path / "run"
    outcome = evaluate("--config", CONFIG, "--data", middlebury, "--out", out, *QUICK)
    assert outcome.code == 0
    assert "scene Chair-perfect: not scored: no true right view" in outcome.err
    found = {(row["scene"], row["method"]): row for row in rows(out)}
    assert found["Chair-perfect", "telea"]["status"] == "not scored: no true right view"
    assert found["Chair-perfect", "telea"]["psnr"] == ""
    # The left view and the disparity still say whether the geometry is right.
    assert float(found["Chair-perfect", "telea"]["epe_visible"]) < 1
    assert (out / "views" / "telea" / "Chair-perfect.png").is_file()
    table = (out / "table.md").read_text()
    assert "says over how many" in table and "(2)" in table
    write_image(middlebury / "Chair-perfect" / "im1.png", views(1)[1])
    assert evaluate("--config", CONFIG, "--data", middlebury, "--out", out, *QUICK).code == 0
    assert {row["status"] for row in rows(out)} == {"scored"}


def test_failed_scene_is_recorded_and_retried(
    evaluate: Evaluate, middlebury: Path, tmp_path: Path
) -> None:
    good = (middlebury / "Bike-perfect" / "disp0.pfm").read_bytes()
    (middlebury / "Bike-perfect" / "disp0.pfm").write_bytes(good[:-1])
    out = tmp_path / "run"
    told = ("--config", CONFIG, "--data", middlebury, "--out", out, *QUICK)
    outcome = evaluate(*told)
    assert outcome.code == 1
    status = {(row["scene"], row["method"]): row["status"] for row in rows(out)}
    assert "truncated" in status["Bike-perfect", "telea"]
    assert status["Chair-perfect", "telea"] == "scored"
    (middlebury / "Bike-perfect" / "disp0.pfm").write_bytes(good)
    assert evaluate(*told).code == 0
    assert {row["status"] for row in rows(out)} == {"scored"}


def test_view_of_another_size_fails_alone(evaluate: Evaluate, finished: Path) -> None:
    write_image(finished / "views" / "theirs" / "Bike-perfect.png", np.zeros((8, 8, 3), np.uint8))
    assert evaluate("score", "--out", finished).code == 1
    assert evaluate("report", "--out", finished).code == 1
    status = {(row["scene"], row["method"]): row["status"] for row in rows(finished)}
    assert "got 8x8 px of theirs, expected 64x64" in status["Bike-perfect", "theirs"]
    assert status["Chair-perfect", "theirs"] == "missing"


def test_damaged_view_fails_alone(evaluate: Evaluate, finished: Path) -> None:
    (finished / "views" / "theirs").mkdir()
    (finished / "views" / "theirs" / "Bike-perfect.png").write_bytes(b"no picture")
    assert evaluate("score", "--out", finished).code == 1
    assert evaluate("report", "--out", finished).code == 1
    found = {(row["scene"], row["method"]): row for row in rows(finished)}
    assert found["Bike-perfect", "theirs"]["status"].startswith("failed")
    assert found["Bike-perfect", "telea"]["status"] == "scored"


def test_what_an_interrupted_write_left_is_no_other_run(
    evaluate: Evaluate, middlebury: Path, tmp_path: Path
) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / ".run.json.1.partial").touch()
    told = ("--config", CONFIG, "--data", middlebury, "--out", tmp_path / "run", *QUICK)
    assert evaluate(*told).code == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--config", CONFIG, "--data", "nowhere"), "Middlebury Stereo 2014"),
        (("--config", CONFIG, "--methods", "magic"), "methods: got 'magic'"),
        (("--config", CONFIG, "--preset", "worst"), "methods: got 'worst'"),
        (("--config", CONFIG, "--ablation", "worst"), "ablation: got 'worst'"),
        (("--config", CONFIG, "--shard", "3/2"), "shard: got '3/2'"),
        (("--config", "none.yaml"), "none.yaml"),
        (("--config", "pyproject.toml"), "config: pyproject.toml"),
        (("--size", "5", "--config", CONFIG), "size_px: got 5"),
        ((), "--config: needed to infer"),
        (("score",), "run 'evaluate.py infer' first"),
        (("report",), "run 'evaluate.py infer' first"),
    ],
)
def test_bad_arguments_are_one_line(
    evaluate: Evaluate, tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    outcome = evaluate(*arguments, "--out", tmp_path / "run")
    assert outcome.code == 2 and message in outcome.err and outcome.err.count("\n") == 1


def test_every_preset_is_a_method() -> None:
    assert set(PRESETS) <= set(method_names())
    assert ablations("paper") == [
        "paper-without-shift",
        "paper-without-masking",
        "paper-without-attention",
        "paper-without-noise",
    ]
    assert {"best-without-fusion", "best-without-denoising"} <= set(ablations("best"))
    for name in [*method_names(), *ablations("paper"), *ablations("best")]:
        assert callable(make_method(name, Models(GenerationSettings())))


def test_configs_are_complete() -> None:
    from stereo.evaluation.settings import read_evaluation_settings

    paths = sorted((ROOT / "configs" / "eval").glob("*.yaml"))
    read = {path.stem: read_evaluation_settings(path) for path in paths}
    assert {"shapes", "middlebury2014", "kitti2015", "kitti2012", "manifest"} <= set(read)
