"""Configurations: those that ship, and bad ones in one line."""

import json
from pathlib import Path

import pytest

from stereo.evaluation.settings import read_evaluation_settings
from tests.stereo.evaluation.conftest import (
    QUICK,
    ROOT,
    Evaluate,
    Outcome,
)


def refused(outcome: Outcome, message: str) -> None:
    assert outcome.code == 2 and message in outcome.err and outcome.err.count("\n") == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("data: {kind: shapes, count: many}", "config: "),
        ("data: {kind: shapes}\nprotocol: {size_px: big}", "config: "),
        ("data: {kind: shapes}\nprotocol: {size: 64}", "protocol: unknown key 'size'"),
        ("data: {kind: shapes}\ngeneration: {step: 3}", "generation: unknown key 'step'"),
        ("data: {kind: shapes}\ngeneration: {steps: 0}", "steps: got 0"),
        ("data: {kind: shapes, only: [cat]}", "no scene has one of the words cat"),
        ("data: {kind: shapes}\ndisparity: lidar", "disparity: got 'lidar'"),
        ("data: [shapes]", "data: got ['shapes'], expected keys and values"),
        ("data: {}", "data: missing key 'kind'"),
        ("data: {kind: [shapes]}", "data, kind: got ['shapes'], expected text"),
        ("data: {kind: folder, root: {a: b}}", "config: "),
        ("data: {kind: folder, root: [[a]]}", "config: "),
        ("data: {kind: shapes, count: 1.5}", "data, count: got 1.5, expected a whole number"),
        ("data: {kind: shapes, count: 0}", "count: got 0, expected 1 or more"),
        ("data: {kind: shapes, groups: [a]}", "config: "),
        ("data: {kind: shapes, groups: {a: b}}", "data, groups: got"),
        ("data: {kind: shapes}\nmethods: {a: 1}", "config: "),
        ("data: {kind: shapes}\nmethods: [[telea]]", "config: "),
        ("data: {kind: shapes}\nmethods: telea", "config: "),
        ("data: {kind: shapes}\nname: [x]", "name: "),
        ("data: {kind: shapes}\ngeneration: 3", "generation: got 3, expected keys and values"),
        (
            "data: {kind: shapes}\ngeneration: {prompted: perhaps}",
            "generation, prompted: got 'perhaps', expected true or false",
        ),
        ("data: {kind: shapes}\ngeneration: {steps: '${nothing}'}", "config: "),
        ("- data", "holds no keys and values"),
        ("", "config: "),
        ("[" * 100_000, "is no YAML file"),
        ("a: " + "{a: " * 100_000, "is no YAML file"),
    ],
)
def test_bad_configs(evaluate: Evaluate, tmp_path: Path, text: str, message: str) -> None:
    config = tmp_path / "c.yaml"
    config.write_text(text)
    refused(evaluate("--config", config, "--out", tmp_path / "run"), message)
    assert not (tmp_path / "run").exists()


def test_changes_do_not_hide_a_section_that_is_none(tmp_path: Path) -> None:
    config = tmp_path / "c.yaml"
    config.write_text("data: [shapes]\n")
    with pytest.raises(ValueError, match="data: got .*, expected keys and values"):
        read_evaluation_settings(config, {"data": {"count": 3}})


def test_empty_sections_keep_their_defaults(tmp_path: Path) -> None:
    config = tmp_path / "mine.yaml"
    config.write_text("data: {kind: folder, root: a/b}\nprotocol:\ngeneration:\nmethods:\n")
    settings = read_evaluation_settings(config, {"protocol": {"size_px": 64}})
    assert (settings.name, settings.data.root) == ("mine", [Path("a/b")])
    assert (settings.protocol.size_px, settings.generation.steps) == (64, 50)
    assert settings.methods == ["copy-left", "gaps-black", "telea"]


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


def test_configs_are_complete() -> None:
    paths = sorted((ROOT / "configs" / "eval").glob("*.yaml"))
    read = {path.stem: read_evaluation_settings(path) for path in paths}
    for name, settings in read.items():
        presets = {"best"} if name == "photos" else {"original", "paper", "best"}
        assert {"telea", *presets} <= set(settings.methods)
    assert {"shapes", "middlebury2014", "kitti2015", "kitti2012", "manifest"} <= set(read)
