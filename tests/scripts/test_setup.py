"""Set-up: what make and CI would run, without running it."""

import os
import subprocess
from pathlib import Path

from tests.scripts.conftest import ROOT


def dry_run(*words: str, folder: Path = ROOT) -> str:
    done = subprocess.run(
        ["make", "--no-print-directory", "-n", *words],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def test_first_run_installs_and_a_second_one_does_not(tmp_path: Path) -> None:
    for name in ("Makefile", "requirements.txt", "requirements-dev.txt"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    first = dry_run("test", folder=tmp_path)
    assert "-m venv .venv" in first and "--requirement requirements-dev.txt" in first
    assert first.index("pip install") < first.index("ruff check") < first.index("-m pytest")
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / ".installed").touch()
    assert "pip" not in dry_run("test", folder=tmp_path)


def test_demo_runs_the_three_scripts() -> None:
    shown = dry_run("demo")
    for name in ("txt2stereoimg.py", "depth2stereoimg.py", "img2stereo.py"):
        assert f"{name} " in shown and (ROOT / name).is_file()


def test_old_python_is_refused_in_one_line(tmp_path: Path) -> None:
    for name in ("Makefile", "requirements.txt", "requirements-dev.txt"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    old = tmp_path / "python3"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    done = subprocess.run(
        ["make", "setup", f"PYTHON={old}"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode != 0 and "Python 3.10 or newer is needed" in done.stderr
    assert not (tmp_path / ".venv").exists()


def test_ci_runs_make_test(tmp_path: Path) -> None:
    stand_in = tmp_path / "make"
    stand_in.write_text('#!/bin/sh\necho "$PWD: make $*"\n')
    stand_in.chmod(0o755)
    done = subprocess.run(
        [ROOT / ".ci" / "run"],
        cwd=tmp_path,
        env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "CI": "true"},
        capture_output=True,
        text=True,
    )
    assert done.stdout == f"{ROOT}: make test\n" and done.returncode == 0


def test_requirements_have_loose_lower_bounds() -> None:
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    names = [line for line in lines if line and not line.startswith("#")]
    assert all(">=" in name and "==" not in name and "<" not in name for name in names)
