"""From the settings of a part to its training run."""

import os
from pathlib import Path

import torch

from ldm.training.pool import render_pool
from ldm.training.settings import Settings
from ldm.training.task import Task


def train_part(settings: Settings, *, folder: Path, devices: int, resume: bool) -> None:
    """Render the scenes that are missing, if the part looks at any, then train it."""
    from ldm.training.loop import fit

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
    from ldm.training.autoencoder import AutoencoderTask
    from ldm.training.depth_network import DepthNetworkTask
    from ldm.training.diffusion import DepthDiffusionTask, DiffusionTask
    from ldm.training.text import TextTask

    kinds = {
        "autoencoder": AutoencoderTask,
        "dpt": DepthNetworkTask,
        "text": TextTask,
        "diffusion": DiffusionTask,
        "depth": DepthDiffusionTask,
    }
    return kinds[settings.part](settings)
