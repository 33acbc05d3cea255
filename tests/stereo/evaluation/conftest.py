"""Small data sets on disk, and evaluate.py as a user runs it."""

import csv
import io
import logging
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from stereo.cli.command import LOGGERS, run
from stereo.evaluation.datasets.listing import DataSettings, list_scenes
from stereo.evaluation.datasets.scene import SceneSource
from stereo.evaluation.results import Result

ROOT = Path(__file__).resolve().parents[3]
HEIGHT, WIDTH = 72, 96


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str


def views(seed: int, *, shift: int = 6) -> tuple[np.ndarray, np.ndarray]:
    """Return left and right views of a wall at a disparity of `shift` px."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (HEIGHT // 4, WIDTH // 4 + 4, 3), dtype=np.uint8)
    wall = np.array(Image.fromarray(coarse).resize((WIDTH + 16, HEIGHT), Image.Resampling.BICUBIC))
    return wall[:, :WIDTH], wall[:, shift : shift + WIDTH]


def write_image(path: Path, image: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path)


def pfm(values: np.ndarray, *, order: str = "<", scale: float = -1.0) -> bytes:
    head = f"Pf\n{values.shape[1]} {values.shape[0]}\n{scale}\n".encode()
    return head + values[::-1].astype(f"{order}f4").tobytes()


@pytest.fixture
def middlebury(tmp_path: Path) -> Path:
    """Return a folder in Middlebury's layout with three scenes, one of them not rectified."""
    root = tmp_path / "middlebury"
    for k, name in enumerate(("Bike-perfect", "Chair-perfect", "Bike-imperfect")):
        left, right = views(k)
        write_image(root / name / "im0.png", left)
        write_image(root / name / "im1.png", right)
        disparity = np.full((HEIGHT, WIDTH), 6, np.float32)
        disparity[0, 0] = np.inf
        disparity[-1, -1] = 7.5
        (root / name / "disp0.pfm").write_bytes(pfm(disparity))
    return root


@pytest.fixture
def kitti(tmp_path: Path) -> Path:
    """Return a folder in KITTI 2015's layout with two scenes, the first frame and another."""
    training = tmp_path / "kitti" / "training"
    for k, name in enumerate(("000000_10", "000001_10", "000001_11")):
        left, right = views(k)
        write_image(training / "image_2" / f"{name}.png", left)
        write_image(training / "image_3" / f"{name}.png", right)
        stored = np.zeros((HEIGHT, WIDTH), np.uint16)
        stored[::3, ::2] = 6 * 256 + 128
        write_image(training / "disp_occ_0" / f"{name}.png", stored)
    return training.parent


@pytest.fixture
def evaluate(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Callable[..., Outcome]]:
    """Yield a runner of evaluate.py in this process: a config's name, then arguments."""
    monkeypatch.chdir(ROOT)
    threads = torch.get_num_threads()
    loggers = [logging.getLogger(name) for name in LOGGERS]
    before = [(log.handlers, log.level, log.propagate) for log in loggers]
    from stereo.evaluation import cli

    def run_it(*arguments: str | Path) -> Outcome:
        words = [str(word) for word in arguments]
        monkeypatch.setattr(sys, "argv", ["evaluate.py", *words])
        capsys.readouterr()
        try:
            code = run(lambda _: cli.main(words))
        except SystemExit as leaving:
            code = leaving.code
        streams = capsys.readouterr()
        return Outcome(code, streams.out, streams.err)

    yield run_it
    torch.set_num_threads(threads)
    for log, state in zip(loggers, before, strict=True):
        log.handlers, log.level, log.propagate = state


CONFIG = "configs/eval/middlebury2014.yaml"
QUICK = ("--size", "64", "--methods", "copy-left,telea")

Evaluate = Callable[..., Outcome]
TABLES = ("scores.csv", "summary.json", "table.md", "table.tex")


def tables(out: Path) -> dict[str, bytes]:
    """Return the bytes of what must not depend on how a run was made."""
    return {name: (out / name).read_bytes() for name in TABLES}


@pytest.fixture
def finished(evaluate: Evaluate, middlebury: Path, tmp_path: Path) -> Path:
    """Return the folder of a whole run over two scenes by two methods."""
    out = tmp_path / "run"
    outcome = evaluate("--config", CONFIG, "--data", middlebury, "--out", out, *QUICK)
    assert (outcome.code, outcome.out) == (0, f"{out / 'table.md'}\n"), outcome.err
    return out


def rows(out: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO((out / "scores.csv").read_text())))


def noisy_pair(seed: int, height: int = 48, width: int = 56) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    target = rng.integers(0, 256, (height, width, 3)).astype(float)
    noise = rng.normal(0, rng.uniform(1, 60), target.shape)
    return np.clip(target + noise, 0, 255).astype(np.uint8), target.astype(np.uint8)


def scenes_of(kind: str, *root: Path, **settings: Any) -> list[SceneSource]:
    return list_scenes(DataSettings(kind, list(root), **settings))


def result(method: str, *, group: str = "Shapes", scene: str = "a", **metrics: float) -> Result:
    return Result(scene, group, method, "scored", dict(metrics), {})
