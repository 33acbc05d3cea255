"""Bad input of a whole run: one clear line each, and the good scenes go on."""

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest

from tests.stereo.evaluation.conftest import (
    CONFIG,
    HEIGHT,
    QUICK,
    WIDTH,
    Evaluate,
    Outcome,
    pfm,
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


def refused(outcome: Outcome, message: str) -> None:
    assert outcome.code == 2 and message in outcome.err and outcome.err.count("\n") == 1


@pytest.mark.parametrize(
    ("config", "official"),
    [
        ("middlebury2014", "Middlebury Stereo 2014, scenes with perfect rectification"),
        ("kitti2015", "KITTI Stereo/Scene Flow 2015 (data_scene_flow.zip)"),
        ("kitti2012", "KITTI Stereo 2012 (data_stereo_flow.zip)"),
    ],
)
def test_missing_and_empty_data_sets_are_named(
    evaluate: Evaluate, tmp_path: Path, config: str, official: str
) -> None:
    told = ("--config", f"configs/eval/{config}.yaml", "--out", tmp_path / "run", *QUICK)
    refused(evaluate(*told, "--data", tmp_path / "none"), official)
    (tmp_path / "empty").mkdir()
    refused(evaluate(*told, "--data", tmp_path / "empty"), official)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("data: {kind: shapes, count: many}", "config: "),
        ("data: {kind: shapes}\nprotocol: {size_px: big}", "config: "),
        ("data: {kind: shapes}\nprotocol: {size: 64}", "protocol: unknown 'size'"),
        ("data: {kind: shapes}\ngeneration: {step: 3}", "generation: unknown 'step'"),
        ("data: {kind: shapes}\ngeneration: {steps: 0}", "steps: got 0"),
        ("data: {kind: shapes, only: [cat]}", "no scene has one of the words cat"),
        ("data: {kind: shapes}\ndisparity: lidar", "disparity: got 'lidar'"),
        ("data: [shapes]", "data: got ['shapes'], expected settings"),
    ],
)
def test_bad_configs(evaluate: Evaluate, tmp_path: Path, text: str, message: str) -> None:
    config = tmp_path / "c.yaml"
    config.write_text(text)
    refused(evaluate("--config", config, "--out", tmp_path / "run"), message)


def test_a_missing_config_names_its_argument(evaluate: Evaluate, tmp_path: Path) -> None:
    refused(
        evaluate("--config", tmp_path / "none.yaml", "--out", tmp_path / "run"),
        f"config: {tmp_path / 'none.yaml'} is not there",
    )


def test_two_lists_with_one_name(evaluate: Evaluate, tmp_path: Path) -> None:
    path = tmp_path / "m.json"
    path.write_text(json.dumps([{"name": "a", "left": "l.png"}]))
    told = ("--config", "configs/eval/manifest.yaml", "--out", tmp_path / "run")
    outcome = evaluate(*told, "--data", path, "--data", path)
    refused(outcome, "data: more than one scene is named a")
