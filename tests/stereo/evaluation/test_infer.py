"""Views: resumed after a kill, and bad scenes beside good ones."""

import csv
import io
from pathlib import Path

import numpy as np
import pytest

from stereo.evaluation.methods.classical import CLASSICAL
from stereo.evaluation.methods.rendering import RenderingTask
from tests.stereo.evaluation.conftest import (
    CONFIG,
    HEIGHT,
    QUICK,
    WIDTH,
    Evaluate,
    pfm,
    rows,
    tables,
    write_image,
)

BIKE = "Bike-perfect"


def statuses(out: Path) -> dict[str, str]:
    rows = csv.DictReader(io.StringIO((out / "scores.csv").read_text()))
    return {row["scene"]: row["status"] for row in rows if row["method"] == "telea"}


def spoil(folder: Path, kind: str) -> None:
    """Damage the scene in `folder`, of Middlebury's layout."""
    good = (folder / "disp0.pfm").read_bytes()
    swapped = pfm(np.full((HEIGHT, WIDTH), 6.0), order=">", scale=-1.0)
    if kind == "truncated":
        (folder / "disp0.pfm").write_bytes(good[:-1])
    elif kind == "byte order":
        (folder / "disp0.pfm").write_bytes(swapped)
    elif kind == "right size":
        write_image(folder / "im1.png", np.zeros((8, 9, 3), np.uint8))
    elif kind == "disparity size":
        (folder / "disp0.pfm").write_bytes(pfm(np.ones((3, 4))))
    else:
        (folder / "im0.png").write_bytes(b"no picture")


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("truncated", "is truncated or too long"),
        ("byte order", "but does in the other byte order"),
        ("right size", "right: got 9x8 px in scene Bike-perfect, expected the left view's 96x72"),
        ("disparity size", "disparity: got 4x3 px in scene Bike-perfect"),
        ("no picture", "im0.png"),
    ],
)
def test_a_bad_scene_is_recorded_and_the_rest_goes_on(
    evaluate: Evaluate, middlebury: Path, tmp_path: Path, kind: str, message: str
) -> None:
    spoil(middlebury / BIKE, kind)
    out = tmp_path / "run"
    told = ("--config", CONFIG, "--data", middlebury, "--out", out, *QUICK, "--no_sheets")
    outcome = evaluate(*told)
    assert outcome.code == 1
    (line,) = (line for line in outcome.err.splitlines() if "failed: scene" in line)
    assert message in line
    found = statuses(out)
    assert found["Chair-perfect"] == "scored"
    assert found[BIKE].startswith("failed: ") and message in found[BIKE]


def test_eight_bit_kitti_disparity(evaluate: Evaluate, kitti: Path, tmp_path: Path) -> None:
    place = kitti / "training" / "disp_occ_0" / "000000_10.png"
    write_image(place, np.full((HEIGHT, WIDTH), 6, np.uint8))
    out = tmp_path / "run"
    told = ("--config", "configs/eval/kitti2015.yaml", "--data", kitti, "--out", out, *QUICK)
    outcome = evaluate(*told, "--no_sheets")
    assert outcome.code == 1
    assert "is an 8-bit picture (mode L), expected KITTI's 16-bit PNG" in outcome.err
    assert statuses(out)["000001_10"] == "scored"


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
