"""Scores: where metrics look, and what a score belongs to."""

import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from stereo.evaluation import score
from stereo.evaluation.files import RunFolder
from stereo.evaluation.infer import PreparedScene
from stereo.evaluation.json_files import read_json, write_json
from stereo.evaluation.score import geometry_metrics, image_metrics
from tests.stereo.evaluation.conftest import (
    CONFIG,
    QUICK,
    Evaluate,
    rows,
    views,
    write_image,
)


def test_metrics_by_visibility_look_where_they_say() -> None:
    rng = np.random.default_rng(0)
    right = rng.integers(0, 200, (48, 64, 3), dtype=np.uint8)
    visible = np.ones((48, 64), bool)
    visible[:, 20:36] = False
    flat = np.zeros((48, 64), np.float32)
    scene = PreparedScene("s", right, right, flat, visible)
    output = right.copy()
    output[:, 24:32] += 50  # wrong in the holes' middle alone
    values = image_metrics(output, scene, [])
    assert values["psnr_visible"] == 100  # stands for no error
    assert values["psnr_occluded"] == pytest.approx(10 * np.log10(255**2 / (50**2 / 2)))
    assert values["psnr"] == pytest.approx(10 * np.log10(255**2 / (50**2 / 8)))
    assert values["ssim_occluded"] < values["ssim"] < values["ssim_visible"]


def test_geometry_by_visibility_looks_where_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """A near square hides some of the wall from the right eye; only that is measured wrongly."""
    truth = np.zeros((32, 64), np.float32)
    truth[:, 30:46] = 8
    hidden = np.zeros_like(truth, bool)
    hidden[:, 22:30] = True  # the wall left of the square, which moves over it
    measured = np.where(hidden, truth + 5, truth)
    monkeypatch.setattr(score, "sgbm_disparity", lambda left, right, *, largest_px: measured)
    grey = np.zeros((32, 64, 3), np.uint8)
    scene = PreparedScene("s", grey, grey, truth, ~hidden, truth=truth)
    values = geometry_metrics(grey, scene)
    assert values["epe_visible"] == 0 and values["epe_occluded"] == 5
    assert values["d3_visible"] == 0 and values["d3_occluded"] == 1
    assert values["epe"] == pytest.approx(5 * hidden.mean())


def test_scores_are_of_the_views_and_networks_that_they_were_made_with(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    place = folder.scene("s")
    grey = np.full((48, 64, 3), 90, np.uint8)
    for path in (
        folder.scene("s", "left.png"),
        folder.scene("s", "right.png"),
        folder.view("m", "s"),
    ):
        write_image(path, grey)
    write_image(folder.scene("s", "visible.png"), grey[..., 0])
    np.save(folder.scene("s", "disparity.npy"), np.zeros((48, 64), np.float32))
    write_json(place, {"group": "g"})
    network = SimpleNamespace(name="squeeze", digest="one", distances=lambda a, b, masks: [0.5] * 3)

    def scored() -> dict[str, float]:
        assert score.score_scene(folder, ["m"], "s", [network]) == 0
        return read_json(folder.score("m", "s"), {})["metrics"]

    assert scored()["lpips_squeeze"] == 0.5
    network.distances = lambda a, b, masks: [0.25] * 3
    assert scored()["lpips_squeeze"] == 0.5, "nothing has changed that it knows of"
    network.digest = "two"
    first = scored()
    assert first["lpips_squeeze"] == 0.25
    write_image(folder.scene("s", "left.png"), 255 - grey)
    network.distances = lambda a, b, masks: [0.125] * 3
    assert scored()["lpips_squeeze"] == 0.125


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
