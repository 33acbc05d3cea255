"""Scripts as a user runs them, with the real workflows or with quick stand-ins."""

import importlib.util
import logging
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from stereo.cli.command import LOGGERS, run
from stereo.comfort.options import ComfortOptions
from stereo.pair import StereoPair

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(Path(name).stem, ROOT / name)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def run_script(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Iterator[Callable[..., Outcome]]:
    """Yield a runner: a script's name and its arguments, in an empty working folder."""
    monkeypatch.chdir(tmp_path)
    loggers = [logging.getLogger(name) for name in LOGGERS]
    before = [(log.handlers, log.level, log.propagate) for log in loggers]

    def run_it(name: str, *arguments: str | Path) -> Outcome:
        monkeypatch.setattr(sys, "argv", [name, *map(str, arguments)])
        capsys.readouterr()
        try:
            code = run(script(name).main)
        except SystemExit as leaving:
            code = leaving.code
        streams = capsys.readouterr()
        return Outcome(code, streams.out, streams.err)

    yield run_it
    for log, state in zip(loggers, before, strict=True):
        log.handlers, log.level, log.propagate = state


@dataclass
class Workflows:
    """Stand-ins for the workflows: what they were called with, and what they should raise."""

    calls: list[dict[str, Any]] = field(default_factory=list)
    error: BaseException | None = None
    only_for: int | None = None
    loaded: dict[str, Any] = field(default_factory=dict)
    together: list[int] = field(default_factory=list)
    comfort: ComfortOptions | None = None

    def __call__(self, name: str, named: dict[str, Any], image: np.ndarray | None) -> list:
        self.calls.append({"workflow": name, "image": image, **named})
        if self.error is not None and self.only_for in (None, len(self.calls)):
            raise self.error
        report = SimpleNamespace(stage="left", step=0, total=2)
        named["on_step"](report)
        samples = named["sampling"].samples
        return [_pair(named["sampling"].seed + k) for k in range(samples)]

    def photos(
        self, model: object, depth: object, images: list, seeds: list[int], **named: Any
    ) -> list:
        """Stand in for `images_to_stereo`: a call for every photo."""
        self.together.append(len(images))
        disparities = named.pop("disparities")
        pairs = []
        for image, seed, disparity in zip(images, seeds, disparities, strict=True):
            own = {"sampling": replace(named["sampling"], seed=seed), "disparity": disparity}
            pairs += self("image", {**named, **own}, image)
        return pairs


def _pair(seed: int) -> StereoPair:
    view = np.full((8, 16, 3), seed % 256, np.uint8)
    flat, valid = np.zeros((8, 16), np.float32), np.ones((8, 16), bool)
    return StereoPair(view, 255 - view, flat, valid, {"seed": seed})


@pytest.fixture
def workflows(monkeypatch: pytest.MonkeyPatch) -> Workflows:
    """Replace models and workflows; loading still looks whether a given checkpoint exists."""
    fake = Workflows()
    model = SimpleNamespace(
        image_size=8,
        downsample_factor=8,
        device=torch.device("cpu"),
        dtype="torch.float32",
        guidance_scale=None,
    )

    def load(task: str, **named: Any) -> SimpleNamespace:
        fake.loaded |= {"task": task, **named}
        return model

    def load_depth(path: Path, *, device: str | None) -> SimpleNamespace:
        fake.loaded["depth"] = path
        return model

    def finish(pair: StereoPair, comfort: ComfortOptions) -> StereoPair:
        fake.comfort = comfort
        return pair

    monkeypatch.setattr("stereo.cli.job.with_comfort", finish)
    monkeypatch.setattr("stereo.runtime.models.load_model", load)
    monkeypatch.setattr("stereo.depth.loading.load_depth_model", load_depth)
    monkeypatch.setattr(
        "stereo.pipelines.text_to_stereo",
        lambda model, depth, prompt, **named: fake("text", {"prompt": prompt, **named}, None),
    )
    monkeypatch.setattr(
        "stereo.pipelines.depth_to_stereo",
        lambda model, image, prompt, **named: fake("depth", {"prompt": prompt, **named}, image),
    )
    monkeypatch.setattr("stereo.pipelines.images_to_stereo", fake.photos)
    return fake


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """Return a small RGB picture with some structure."""
    values = np.random.default_rng(3).integers(0, 256, (64, 96, 3), dtype=np.uint8)
    path = tmp_path / "cat.png"
    Image.fromarray(values).save(path)
    return path
