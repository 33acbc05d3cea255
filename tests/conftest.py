"""Fixtures that every test folder shares."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import settings

GOLDEN = Path(__file__).parent / "golden"
SHARED = Path(__file__).parents[1].parent / "shared"

# The same examples on every machine, however busy it is. Other ones: --hypothesis-profile=search
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.register_profile("search", max_examples=1000, deadline=None)
settings.load_profile("repeatable")


def pytest_configure() -> None:
    """Share the cores among parallel workers, here and in the scripts that tests start."""
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", 1))
    threads = max(1, (os.cpu_count() or 1) // workers)
    torch.set_num_threads(threads)
    os.environ.setdefault("OMP_NUM_THREADS", str(threads))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start the longest tests first, so that no worker ends alone with one of them."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


@pytest.fixture(autouse=True)
def seeded() -> None:
    """Let a test draw the same numbers alone and among others; TEST_SEED draws other ones."""
    torch.manual_seed(int(os.environ.get("TEST_SEED", 0)))


@pytest.fixture
def golden() -> Callable[[str], dict]:
    """Return a reader of golden cases: arrays as tensors where numeric, `config` parsed."""

    def read(name: str) -> dict:
        with np.load(GOLDEN / f"{name}.npz") as stored:
            arrays = {key: stored[key] for key in stored.files}
        config = json.loads(str(arrays.pop("config")))
        tensors = {
            key: torch.from_numpy(value) if value.dtype.kind in "fiub" else value
            for key, value in arrays.items()
        }
        return {"config": config, **tensors}

    return read


@pytest.fixture
def shared_dir() -> Path:
    """Return the folder of real images and weights; skip where it is not at hand."""
    if not SHARED.is_dir():
        pytest.skip("the folder of real data beside the repository is absent")
    return SHARED
