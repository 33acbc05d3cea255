"""The command: quick help, bad input in one line."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.scripts.conftest import ROOT, Outcome, Workflows

Runner = Callable[..., Outcome]


def test_help_needs_no_torch():
    code = (
        "import runpy, sys\n"
        "sys.argv = ['benchmark.py', '--help']\n"
        "try: runpy.run_path(sys.argv[0], run_name='__main__')\n"
        "except SystemExit: pass\n"
        "assert 'torch' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "--schedule" in done.stdout and "default: None" not in done.stdout


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--size", "100"], "argument --size: got 100, expected a multiple of 64"),
        (["--steps", "0"], "argument --steps: got 0, expected 1 to 100000"),
        (["--steps", "1000"], "steps: got 1000, expected 1 to 500"),
        (["--workflow", "video"], "argument --workflow: invalid choice: 'video'"),
        (["--device", "abacus"], "device: got 'abacus', expected"),
        (["--out", "file/out.json"], "out: file is a file, expected a folder"),
        (["--out", "/proc/out.json"], "out: cannot write in /proc"),
        (["--out", "."], "out: . is a folder, expected a file"),
    ],
)
def test_bad_input_is_one_line(
    run_script: Runner, tmp_path: Path, arguments: list[str], reason: str
):
    (tmp_path / "file").write_text("mine")
    done = run_script("benchmark.py", *arguments)
    assert done.code == 2 and done.out == ""
    assert f"benchmark.py: error: {reason}" in done.err
    assert "Traceback" not in done.err
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_the_shift_is_printed_and_written(
    run_script: Runner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("stereo.benchmark.shift_part.SIDES", (8, 16))
    monkeypatch.setattr("stereo.benchmark.shift_part.SIDE", 8)
    monkeypatch.setattr("stereo.benchmark.shift_part.SHORTEST_S", 0.0)
    done = run_script("benchmark.py", "--part", "shift", "--device", "cpu", "--out", "b/s.json")
    assert done.code == 0, done.err
    assert "| 8 | 8x8x4 |" in done.out and "| 1 | 16x16x4 |" in done.out
    assert list((tmp_path / "b").iterdir()) == [tmp_path / "b" / "s.json"]


@pytest.mark.parametrize("name", ["txt2stereoimg.py", "depth2stereoimg.py", "img2stereo.py"])
def test_scripts_hand_their_flags_on(
    run_script: Runner,
    workflows: Workflows,
    picture: Path,
    name: str,
    monkeypatch: pytest.MonkeyPatch,
):
    told: list[dict[str, bool]] = []
    monkeypatch.setattr("stereo.runtime.speed.prepare", lambda *parts, **named: told.append(named))
    pictured = {"depth2stereoimg.py": "--init_img", "img2stereo.py": "--img_path"}
    shown = [pictured[name], picture] if name in pictured else []
    for given in ([], ["--compile"], ["--offload"]):
        assert run_script(name, *shown, *given, "--outdir", "out").code == 0
    assert [(t["compiled"], t["offloaded"]) for t in told] == [
        (False, False),
        (True, False),
        (False, True),
    ]
