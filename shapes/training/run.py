"""From the settings of a part to its training run."""

import os
from collections.abc import Mapping
from pathlib import Path

import torch

from shapes.training.autoencoder import AutoencoderTask
from shapes.training.checkpoint import CHECKPOINT, check_resume
from shapes.training.depth_diffusion import DepthDiffusionTask
from shapes.training.depth_network import DepthNetworkTask
from shapes.training.diffusion import DiffusionTask
from shapes.training.loop import fit, make_trainer
from shapes.training.pool import render_pool
from shapes.training.settings import Settings, list_parts, read_settings
from shapes.training.task import Task
from shapes.training.text import TextTask
from shapes.training.weights import require_file
from stereo.cli.types import check_writable

TASKS: dict[str, type[Task]] = {
    "autoencoder": AutoencoderTask,
    "dpt": DepthNetworkTask,
    "text": TextTask,
    "diffusion": DiffusionTask,
    "depth": DepthDiffusionTask,
}


def train(
    config: Path,
    *,
    out: Path | None = None,
    limits: Mapping[str, float | None] | None = None,
    devices: int = 1,
    resume: bool = False,
) -> None:
    """Train the part that a YAML file describes, or all that it lists, in order.

    Args:
        config: the YAML file.
        out: folder of the run, with one inside it for each of several parts; default `runs/<part>`.
        limits: replace those of the files; None leaves one as it is.
        devices: number of GPUs, or of processes on a CPU.
        resume: go on from the checkpoints that there are; parts without one begin.

    Raises:
        FileNotFoundError: a file is not there; for `resume`, no checkpoint.
        ValueError: a configuration or a file is wrong; there are not so many devices.
        KeyboardInterrupt: Ctrl-C; a run that has begun was saved.
    """
    paths = list_parts(config)
    parts = [read_settings(path, limits) for path in paths]  # all, before the first one begins
    root, several = out or Path("runs"), len(paths) > 1 or not out
    folders = [root / path.stem if several else root for path in paths]
    for settings, folder in zip(parts, folders, strict=True):
        check_writable(folder, "out")
        check_writable(Path(settings.weights).parent, "weights")
    begun = [(folder / CHECKPOINT).is_file() for folder in folders]
    for settings, folder, has_checkpoint in zip(parts, folders, begun, strict=True):
        goes_on = resume and (has_checkpoint or not any(begun))
        train_part(settings, folder=folder, devices=devices, resume=goes_on)


def train_part(settings: Settings, *, folder: Path, devices: int, resume: bool) -> None:
    """Render the scenes that are missing, if the part looks at any, then train it.

    Raises:
        FileNotFoundError: weights that it starts from, or a checkpoint to resume, are not there.
        ValueError: such a file is damaged or belongs to something else; too many devices.
        KeyboardInterrupt: Ctrl-C; a run that has begun was saved.
    """
    if resume:
        check_resume(folder, settings)
    for path in settings.start.values():
        require_file(Path(path))
    trainer = make_trainer(settings, devices)
    torch.set_float32_matmul_precision("high")
    if settings.part != "text" and int(os.environ.get("LOCAL_RANK", 0)) == 0:
        device = "cuda" if torch.cuda.is_available() else "cpu"
        for pool in settings.data.pools():
            render_pool(
                pool.folder,
                pool.scenes,
                first_seed=pool.first_seed,
                size_px=settings.data.size_px,
                device=device,
                teaches_depth=pool.teaches_depth,
            )
    torch.manual_seed(settings.seed)  # the start of the weights; nothing else draws from it
    fit(trainer, settings, TASKS[settings.part](settings), folder=folder, resume=resume)
