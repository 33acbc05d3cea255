"""From the settings of a part to its training run."""

import os
from pathlib import Path

import torch

from shapes.training.pool import render_pool
from shapes.training.settings import Settings
from shapes.training.task import Task


def train_part(settings: Settings, *, folder: Path, devices: int, resume: bool) -> None:
    """Render the scenes that are missing, if the part looks at any, then train it."""
    from shapes.training.loop import fit

    torch.set_float32_matmul_precision("high")
    if settings.part != "text" and int(os.environ.get("LOCAL_RANK", 0)) == 0:
        device = "cuda" if torch.cuda.is_available() else "cpu"
        for part in settings.data.parts():
            render_pool(
                part.folder,
                part.scenes,
                first_seed=part.first_seed,
                size_px=settings.data.size_px,
                device=device,
            )
    torch.manual_seed(settings.seed)  # the start of the weights; nothing else draws from it
    fit(settings, build_task(settings), folder=folder, devices=devices, resume=resume)


def build_task(settings: Settings) -> Task:
    """Return the task of `settings.part`, its networks built."""
    from shapes.training.autoencoder import AutoencoderTask
    from shapes.training.depth_network import DepthNetworkTask
    from shapes.training.diffusion import DepthDiffusionTask, DiffusionTask
    from shapes.training.text import TextTask

    kinds = {
        "autoencoder": AutoencoderTask,
        "dpt": DepthNetworkTask,
        "text": TextTask,
        "diffusion": DiffusionTask,
        "depth": DepthDiffusionTask,
    }
    return kinds[settings.part](settings)
