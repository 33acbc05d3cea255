"""Several processes give what one gives; a killed run goes on. With the embedded model, too."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.stereo.evaluation.conftest import CONFIG, QUICK, ROOT, Evaluate, tables

# Starting a process means importing torch, which takes minutes where other work has the cores.
PATIENCE_S = 1800
GENERATED = ("--methods", "telea,best,latent-inpainting", "--steps", "4", "--limit", "2")
SHAPES = ("--config", "configs/eval/shapes.yaml", *GENERATED, "--no_sheets")


def command(*words: str | Path) -> list[str]:
    return [sys.executable, "evaluate.py", *(str(word) for word in words)]


@pytest.mark.slow
def test_lightning_shares_scenes(finished: Path, middlebury: Path, tmp_path: Path) -> None:
    out = tmp_path / "devices"
    words = ("--config", CONFIG, "--data", middlebury, "--out", out, *QUICK)
    done = subprocess.run(
        command(*words, "--devices", "2", "--device", "cpu"),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{out / 'table.md'}\n"
    assert tables(out) == tables(finished)
    sheets = {path.relative_to(finished / "sheets") for path in finished.rglob("sheets/*/*.png")}
    assert sheets == {path.relative_to(out / "sheets") for path in out.rglob("sheets/*/*.png")}


@pytest.mark.slow
def test_parts_of_generated_views_give_the_same_tables(evaluate: Evaluate, tmp_path: Path) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    assert evaluate(*SHAPES, "--out", whole).code == 0
    for shard in ("2/2", "1/2"):
        assert evaluate(*SHAPES, "--out", parts, "--shard", shard).code == 0
    assert evaluate("report", "--out", parts, "--no_sheets").code == 0
    assert tables(parts) == tables(whole)


@pytest.mark.slow
def test_a_run_killed_at_once_goes_on(evaluate: Evaluate, tmp_path: Path) -> None:
    out, whole = tmp_path / "out", tmp_path / "whole"
    process = subprocess.Popen(command(*SHAPES, "--out", out), cwd=ROOT, start_new_session=True)
    try:
        _wait_for(out / "views" / "best" / "shapes_000.json", process)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    made = out / "views" / "best" / "shapes_000.png"
    before = made.stat().st_mtime_ns
    assert evaluate(*SHAPES, "--out", out).code == 0
    assert made.stat().st_mtime_ns == before
    assert evaluate(*SHAPES, "--out", whole).code == 0
    assert tables(out) == tables(whole)


def _wait_for(path: Path, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + PATIENCE_S
    while not path.is_file():
        assert process.poll() is None and time.monotonic() < until
        time.sleep(0.05)
