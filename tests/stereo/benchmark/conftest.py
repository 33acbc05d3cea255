"""Small random networks, and a runner of scripts."""

import pytest
import torch

from dpt.models import DPTDepthModel
from stereo.benchmark.networks import Networks, random_model
from tests.scripts.conftest import picture, run_script, workflows
from tests.stereo.conftest import tiny_config

__all__ = ["picture", "run_script", "workflows"]


@pytest.fixture(scope="session")
def tiny_networks() -> Networks:
    """Return networks for pictures of 64 px from a prompt."""
    cpu = torch.device("cpu")
    model = random_model({"model": tiny_config(depth=False)}, dtype=torch.float32, device=cpu)
    depth_model = DPTDepthModel(backbone="vit_small_shapes", non_negative=False)
    return Networks("text", "tiny", model, depth_model.eval().requires_grad_(False))
