"""The networks that are measured: the embedded ones, or random ones of the published sizes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from dpt.models import DPTDepthModel
from ldm.checkpoint import build_model, read_config
from ldm.known_files import ROOT
from ldm.models.diffusion.ddpm import LatentDiffusion
from ldm.models.diffusion.schedule import SCHEDULE_NAMES
from stereo.depth.loading import load_depth_model
from stereo.runtime.device import choose_device, choose_precision
from stereo.runtime.models import Task, load_model
from stereo.runtime.speed import suit_device

CONFIGS: dict[Task, str] = {
    "text": "v2-inference-v",
    "depth": "v2-midas-inference",
    "image": "v1-inference",
}
RANDOM_DEPTH = "vitb_rn50_384"
# Small enough for half precision to stay finite through the published depths.
WEIGHT_STD = 0.02


@dataclass(frozen=True)
class Networks:
    """What a workflow needs, and what it is called."""

    task: Task
    name: str
    model: LatentDiffusion
    depth_model: DPTDepthModel


def embedded_networks(task: Task, *, precision: str | None, device: str | None) -> Networks:
    """Load the published files where they lie in their folders, else the embedded model."""
    model = load_model(task, precision=precision, device=device)
    return Networks(task, "from models/", model, load_depth_model(device=device))


def random_networks(task: Task, *, precision: str | None, device: str | None) -> Networks:
    """Build full-size networks with random weights; only the time that they take means anything."""
    place = choose_device(device)
    config = read_config(ROOT / "configs" / f"{CONFIGS[task]}.yaml")
    model = random_model(config, dtype=choose_precision(precision, place), device=place)
    return Networks(task, f"random {CONFIGS[task]}", model, _random_depth_model(place))


def random_model(
    config: Mapping[str, Any], *, dtype: torch.dtype, device: torch.device
) -> LatentDiffusion:
    """Build a model with random weights, each part in the precision that `load_model` gives it."""
    model = build_model(config, device="meta")
    fill_randomly(model, device)
    model.model.to(dtype)
    model.cond_stage_model.to(dtype)
    suit_device(model, device)
    return model.eval().requires_grad_(False)


def fill_randomly(module: nn.Module, device: torch.device) -> None:
    """Give a module that was built without memory float32 weights on a device."""
    generator = torch.Generator(device).manual_seed(0)
    state = {
        name: own.to(device) if name in SCHEDULE_NAMES else _random(name, own, generator)
        for name, own in module.state_dict().items()
    }
    module.load_state_dict(state, assign=True)


def _random(name: str, own: Tensor, generator: torch.Generator) -> Tensor:
    if not own.is_floating_point():
        return torch.zeros(own.shape, dtype=own.dtype, device=generator.device)
    values = torch.empty(own.shape, device=generator.device)
    values.normal_(0, WEIGHT_STD, generator=generator)
    is_gain = own.ndim == 1 and name.endswith("weight")
    return values.add_(1) if is_gain else values


def _random_depth_model(device: torch.device) -> DPTDepthModel:
    with torch.device("meta"):
        model = DPTDepthModel(backbone=RANDOM_DEPTH)
    fill_randomly(model, device)
    return model.eval().requires_grad_(False)
