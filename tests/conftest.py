"""Fixtures that every test folder shares."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

GOLDEN = Path(__file__).parent / "golden"
SHARED = Path(__file__).parents[1].parent / "shared"


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
