"""Ctrl-C and SIGTERM at any moment of a script: one line, exit code 130."""

import os
import signal
import subprocess
import sys
import time

import pytest

from tests.scripts.conftest import ROOT

COMMANDS = {
    "txt2stereoimg.py": ("--device", "cpu", "--steps", "500", "--outdir", "{tmp}"),
    "train.py": ("--config", "configs/shapes/text.yaml", "--out", "{tmp}/run"),
    "evaluate.py": ("--config", "configs/eval/shapes.yaml", "--out", "{tmp}"),
    "benchmark.py": ("--out", "{tmp}/figures.json"),
    "app.py": ("--port", "7923"),
}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["int", "term"])
@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("delay_s", [0.15, 0.6, 1.5])
def test_an_early_signal(tmp_path, name, number, delay_s):
    arguments = [word.format(tmp=tmp_path) for word in COMMANDS[name]]
    process = subprocess.Popen(
        [sys.executable, name, *arguments],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    time.sleep(delay_s)
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err.splitlines()[-1:]) == (130, [f"{name}: error: interrupted"])
    assert "Traceback" not in err


def test_work_is_interrupted_by_an_exception_and_imports_are_not(tmp_path):
    """Work cleans up after itself; a module in C that is interrupted would fail in other ways."""
    (tmp_path / "slow.py").write_text("import time\nprint('in', flush=True)\ntime.sleep(60)\n")
    code = (
        "import sys, time\n"
        "from stereo.cli import interrupt\n"
        "from stereo.cli.command import run\n"
        "interrupt.install()\n"
        "def main(arguments):\n"
        "    try:\n"
        "        if sys.argv[1] == 'import': import slow\n"
        "        print('in', flush=True)\n"
        "        time.sleep(60)\n"
        "    finally: print('cleaned', flush=True)\n"
        "sys.exit(run(main))\n"
    )
    for what, cleaned in (("import", ""), ("work", "cleaned\n")):
        process = subprocess.Popen(
            [sys.executable, "-c", code, what],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(tmp_path)},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout.readline() == "in\n"
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=60)
        assert (process.returncode, out) == (130, cleaned)
