"""Requests, stand-ins for models and workflows, and small files as visitors send them."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from stereo.app.catalogue import list_checkpoints
from stereo.app.jobs import Desk
from stereo.app.request import Request
from stereo.app.results import Shelves
from stereo.app.settings import Limits
from stereo.app.store import Loaded, ModelStore
from stereo.cli.job import Models, StereoJob
from stereo.pair import StereoPair


def make_request(task: str = "text", **changes: object) -> Request:
    named = {"prompt": "a red sphere", "steps": 4, **changes}
    return Request(task=task, checkpoint=list_checkpoints(task)[0], **named)


def make_pair(seed: int = 0) -> StereoPair:
    generator = np.random.default_rng(seed)
    left, right = generator.integers(0, 256, (2, 16, 24, 3), dtype=np.uint8)
    near = np.linspace(0, 1, 16 * 24, dtype=np.float32).reshape(16, 24)
    return StereoPair(left, right, near, near > 0.1, {"seed": seed, "scale_percent": 8.0})


@dataclass
class Workflow:
    """A stand-in for the pipelines: waits before each step for `step`, reports it, counts."""

    steps: int = 4
    first: int = 0
    free: bool = True
    step: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    entered: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    error: Exception | None = None
    running: int = 0
    most_at_once: int = 0
    prompts: list[str] = field(default_factory=list)
    loaded: Loaded | None = None

    def __call__(self, job: StereoJob, models: Models, on_step: Callable) -> list:
        self.running += 1
        self.most_at_once = max(self.most_at_once, self.running)
        self.prompts.append(job.prompt)
        self.entered.release()
        try:
            for index in range(self.steps):
                if not self.free:
                    assert self.step.acquire(timeout=30)
                latents = torch.zeros(1, 4, 2, 2)
                on_step(
                    SimpleNamespace(
                        stage="left",
                        step=index,
                        total=self.steps,
                        predicted=latents,
                        latents=latents,
                    )
                )
            if self.error is not None:
                raise self.error
            return [make_pair(self.first + k) for k in range(job.sampling.samples)]
        finally:
            self.running -= 1


@pytest.fixture
def workflow(monkeypatch: pytest.MonkeyPatch) -> Workflow:
    """Replace models and workflows."""
    fake = Workflow()
    model = SimpleNamespace(
        device="cpu", dtype=torch.float32, image_size=8, downsample_factor=8, guidance_scale=None
    )
    colours = np.zeros((5, 3), np.float32)
    loaded = fake.loaded = Loaded(Models(model), Path("shapes-dpt.safetensors"), colours)
    monkeypatch.setattr(ModelStore, "get", lambda store, task, checkpoint: loaded)
    monkeypatch.setattr("stereo.app.jobs.run", fake)
    return fake


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """Return a desk whose results lie in the test's folder."""
    desk = Desk(ModelStore(), Shelves(tmp_path / "results"), Limits(jobs=3))
    yield desk
    desk.close()


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """Return a small photo, larger than nothing and not square."""
    values = np.random.default_rng(1).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    Image.fromarray(values).save(tmp_path / "cat photo.png")
    return tmp_path / "cat photo.png"
