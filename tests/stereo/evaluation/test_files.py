"""A run's folder: not mixed with another run, read whatever its files say, whole after a kill."""

from pathlib import Path

import pytest

import ldm.files
from ldm.files import is_partial
from stereo.evaluation.json_files import write_json
from tests.stereo.evaluation.conftest import (
    CONFIG,
    QUICK,
    Evaluate,
    rows,
)
from tests.stereo.evaluation.test_json_files import STRANGE

SETTINGS = {"name": "n", "size_px": 64, "crop": "none", "disparity": "true"}


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


def test_what_an_interrupted_write_left_is_no_other_run(
    evaluate: Evaluate, middlebury: Path, tmp_path: Path
) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / ".run.json.1.partial").touch()
    told = ("--config", CONFIG, "--data", middlebury, "--out", tmp_path / "run", *QUICK)
    assert evaluate(*told).code == 0


@pytest.mark.parametrize("content", STRANGE, ids=lambda text: text[:6])
@pytest.mark.parametrize(
    "name",
    [
        "run.json",
        "views/telea/method.json",
        "views/telea/Bike-perfect.json",
        "scenes/Bike-perfect/scene.json",
        "scores/telea/Bike-perfect.json",
        "failures/telea/Bike-perfect.json",
    ],
)
def test_strange_files_of_a_run_are_named_in_one_line(
    evaluate: Evaluate, finished: Path, middlebury: Path, name: str, content: str
) -> None:
    path = finished / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="latin-1")
    outcome = evaluate(
        "--config", CONFIG, "--data", middlebury, "--out", finished, *QUICK, "--no_sheets"
    )
    others = [evaluate(verb, "--out", finished, "--no_sheets") for verb in ("score", "report")]
    outcomes = [outcome, *others]
    assert 2 in [outcome.code for outcome in outcomes]
    for outcome in outcomes:
        assert "Traceback" not in outcome.err
        if outcome.code == 2:
            assert str(path) in outcome.err.splitlines()[-1]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("run.json", {"settings": {}, "scenes": []}),
        ("run.json", {"settings": SETTINGS, "scenes": ["a"]}),
        ("run.json", {"settings": SETTINGS, "scenes": [{"name": "../a", "group": "g"}]}),
        ("run.json", {"settings": {**SETTINGS, "size_px": "big"}, "scenes": []}),
        ("scores/telea/Bike-perfect.json", {"stamp": {}, "metrics": {"psnr": "good"}}),
        ("scores/telea/Bike-perfect.json", {"stamp": [], "metrics": {}}),
        ("failures/telea/Bike-perfect.json", {"error": ["no"]}),
    ],
)
def test_json_of_another_shape_is_named_in_one_line(
    evaluate: Evaluate, finished: Path, name: str, content: dict
) -> None:
    path = finished / name
    write_json(path, content)
    outcome = evaluate("report", "--out", finished, "--no_sheets")
    assert outcome.code == 2 and outcome.err.count("\n") == 1 and str(path) in outcome.err


def test_sidecars_of_other_programs_may_say_anything(evaluate: Evaluate, finished: Path) -> None:
    write_json(finished / "views" / "telea" / "method.json", {"ckpt": 3, "steps": "many"})
    strange = {"seconds": "long", "git_commit": ["?"]}
    write_json(finished / "views" / "telea" / "Bike-perfect.json", strange)
    write_json(finished / "scenes" / "Bike-perfect" / "scene.json", {"group": 3, "prompt": None})
    outcome = evaluate("report", "--out", finished)
    assert outcome.code == 0, outcome.err


class Killed(BaseException):
    """The process ends here; nothing is cleaned up."""


def kill_at_write(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """End the process at the write of that number, its temporary files still there."""
    real, writes = ldm.files.publish, []

    def publish(partial: Path, path: Path) -> None:
        writes.append(path)
        if len(writes) == number:
            raise Killed
        real(partial, path)

    monkeypatch.setattr(ldm.files, "publish", publish)
    monkeypatch.setattr(ldm.files.shutil, "rmtree", lambda *args, **named: None)


def contents(out: Path) -> dict[str, bytes]:
    """Return the bytes of every file; of sidecars and times, which tell seconds, only the names."""
    return {
        str(path.relative_to(out)): b""
        if path.parent.parent.name == "views" and path.suffix == ".json" or "timings" in path.name
        else path.read_bytes()
        for path in out.rglob("*")
        if path.is_file()
    }


def test_a_run_killed_at_any_write_ends_as_one_that_was_not(
    evaluate: Evaluate, middlebury: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("--config", CONFIG, "--data", middlebury, *QUICK, "--limit", "1")
    assert evaluate(*words, "--out", tmp_path / "whole").code == 0
    whole, number = contents(tmp_path / "whole"), 0
    while True:
        number += 1
        out = tmp_path / str(number)
        with monkeypatch.context() as patch:
            kill_at_write(patch, number)
            try:
                evaluate(*words, "--out", out)
            except Killed:
                assert any(is_partial(path) for path in out.rglob("*"))
            else:
                break
        # Tables are of complete views alone, before the next run as well.
        if (out / "run.json").is_file():
            evaluate("score", "--out", out)
            assert not set((out / "scores").rglob("*.json")) - {
                out / "scores" / path.parent.name / path.name
                for path in out.glob("views/*/Bike-perfect.json")
            }
        assert evaluate(*words, "--out", out).code == 0
        assert contents(out) == whole
    assert number > 20


def test_a_scene_killed_while_its_truth_is_added_is_prepared_anew(
    evaluate: Evaluate, middlebury: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("--config", CONFIG, "--data", middlebury, *QUICK, "--limit", "1")
    words = (*words, "--disparity", "pseudo", "--no_sheets")
    assert evaluate(*words, "--out", tmp_path / "whole").code == 0
    truth, out = middlebury / "Bike-perfect" / "disp0.pfm", tmp_path / "out"
    stored = truth.read_bytes()
    truth.unlink()
    assert evaluate(*words, "--out", out).code == 0
    truth.write_bytes(stored)
    with monkeypatch.context() as patch:
        kill_at_write(patch, 4)
        with pytest.raises(Killed):
            evaluate(*words, "--out", out)
    assert (out / "scenes" / "Bike-perfect" / "truth.npy").is_file()
    assert evaluate(*words, "--out", out).code == 0
    assert contents(out) == contents(tmp_path / "whole")
