"""An installed package: the console command, and the wheel in an empty environment."""

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from stereo import console
from stereo.cli.command import program
from tests.scripts.conftest import ROOT

COMMANDS = ("text", "depth", "image", "evaluate", "app", "fetch", "info")


def called(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr(sys, "argv", ["/bin/stereodiffusion", *words])
    monkeypatch.setattr("stereo.cli.interrupt.install", lambda: None)
    try:
        return console.main()
    except SystemExit as leaving:
        return leaving.code


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_its_help(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    assert called(monkeypatch, name, "--help") == 0
    assert capsys.readouterr().out.startswith(f"usage: stereodiffusion {name} ")


def test_usage_names_every_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert called(monkeypatch) == 0
    usage = capsys.readouterr().out
    assert all(f"  {name} " in usage for name in console.COMMANDS)
    assert called(monkeypatch, "paint") == 2
    assert "got 'paint', expected one of text, depth" in capsys.readouterr().err


def test_errors_and_results_name_the_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert called(monkeypatch, "image", "--img_path", "none.png") == 2
    assert capsys.readouterr().err.startswith("stereodiffusion image: error: img_path: ")
    assert program() == ["stereodiffusion", "image"]
    monkeypatch.setitem(console.COMMANDS, "info", ("stereo.none:main", ""))
    assert called(monkeypatch, "info") == 2
    assert "info: needs stereo.none, which is not installed" in capsys.readouterr().err


@pytest.mark.slow
def test_wheel_makes_a_pair_from_another_folder(tmp_path: Path) -> None:
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    built = [*pip, "wheel", "--no-deps", "--no-build-isolation", "-w", tmp_path, ROOT]
    subprocess.run(built, check=True)
    (wheel,) = tmp_path.glob("*.whl")
    archive = zipfile.ZipFile(wheel)
    tops = {name.split("/")[0] for name in archive.namelist() if ".dist-info" not in name}
    assert tops == {"dpt", "ldm", "shapes", "stereo"}
    (metadata,) = (name for name in archive.namelist() if name.endswith("/METADATA"))
    stated = re.findall(r"^Requires-Dist: ([\w-]+)[^;\n]*$", archive.read(metadata).decode(), re.M)
    wanted = re.findall(r"^([\w-]+)", (ROOT / "requirements.txt").read_text(), re.M)
    assert sorted(stated) == sorted(name.lower() for name in wanted)
    venv = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", venv], check=True)
    python = venv / "bin" / "python"
    # The dependencies, gigabytes of them, are those of this environment.
    (site,) = venv.glob("lib/python*/site-packages")
    (site / "dependencies.pth").write_text(f"{Path(pytest.__file__).parents[1]}\n")
    subprocess.run([python, *pip[1:], "install", "--no-deps", "--no-index", wheel], check=True)
    place = "import ldm, stereo; print(ldm.__file__, stereo.__file__)"
    where = subprocess.run([python, "-c", place], cwd=tmp_path, capture_output=True, text=True)
    assert where.stdout.count(str(site)) == 2
    done = subprocess.run(
        [venv / "bin" / "stereodiffusion", "text", "--steps", "10", "--outdir", "out"],
        cwd=tmp_path,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "out/00000_LRF.png\n" and (tmp_path / done.stdout.strip()).is_file()
