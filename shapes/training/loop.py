"""The training loop, on Lightning: schedule, average of the weights, saving, pictures."""

import csv
import logging
import math
import time
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.utilities.exceptions import MisconfigurationException
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.data import DataLoader

from ldm.files import write_text
from shapes.training.checkpoint import CHECKPOINT, PiecewiseIO, check_resume
from shapes.training.ema import WeightAverage
from shapes.training.fast_norm import use_fast_norms
from shapes.training.pictures import save_curve, save_picture
from shapes.training.settings import Settings
from shapes.training.task import Task

logger = logging.getLogger(__name__)

LOG_EVERY_STEPS = 10


class TrainingLoop(pl.LightningModule):
    """Runs a task; its state is the step, the minutes spent, the weights and their average."""

    def __init__(self, task: Task, settings: Settings, *, folder: Path) -> None:
        super().__init__()
        self.task, self.settings, self.folder = task, settings, folder
        self.average = WeightAverage(task, settings.optimiser.ema_decay)
        self.minutes_before, self.minutes, self.started = 0.0, 0.0, time.monotonic()
        self.recent: list[Tensor] = []

    @property
    def progress(self) -> float:
        """Share of the run that is done, by steps or by time, whichever is further."""
        limits = self.settings.limits
        return min(1.0, max(self.global_step / limits.max_steps, self.minutes / limits.max_minutes))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Return AdamW; the learning rate is set at every step."""
        told = self.settings.optimiser
        weights = [p for p in self.task.parameters() if p.requires_grad]
        groups = [
            {"params": [p for p in weights if p.ndim > 1], "weight_decay": told.weight_decay},
            {"params": [p for p in weights if p.ndim <= 1], "weight_decay": 0.0},
        ]
        return torch.optim.AdamW(
            groups, lr=told.learning_rate, betas=(0.9, told.beta2), foreach=True
        )

    def on_fit_start(self) -> None:
        """Start the clock."""
        self.average.to(self.device)
        self.started = time.monotonic()

    def on_train_batch_start(self, batch: Tensor, batch_idx: int) -> None:
        """Read the clock, on all devices alike: they must agree on the stage and on the end."""
        minutes = self.minutes_before + (time.monotonic() - self.started) / 60
        self.minutes = self.trainer.strategy.broadcast(minutes)

    def training_step(self, batch: Tensor, batch_idx: int) -> Tensor:
        """Return the loss of the batch that belongs to this step."""
        told = self.settings.optimiser
        rate = learning_rate(
            self.global_step, self.progress, peak=told.learning_rate, warmup=told.warmup_steps
        )
        for group in self.trainer.optimizers[0].param_groups:
            group["lr"] = rate
        stage = self.settings.stage(self.progress)
        with attention_kernel(self.device):
            loss = self.task.loss(stage, self._generator())
        self.recent.append(loss.detach())
        return loss

    def on_train_batch_end(self, outputs: Any, batch: Tensor, batch_idx: int) -> None:
        """Average the weights, note the loss, and stop when the time is up."""
        self.average.update()
        if len(self.recent) >= LOG_EVERY_STEPS:
            self._note()
        if self.progress >= 1:
            self.trainer.should_stop = True

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add what Lightning does not know of."""
        checkpoint["average"] = self.average.state_dict()
        checkpoint["minutes"] = self.minutes
        checkpoint["fingerprint"] = self.settings.fingerprint()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Take it back."""
        self.average.load_state_dict(checkpoint["average"])
        self.minutes_before = checkpoint["minutes"]
        if not self.global_rank:
            drop_rows_after(self.folder / "loss.csv", checkpoint["global_step"])

    def write_results(self) -> None:
        """Write the curve, a picture and the weights, all of the averaged weights."""
        save_curve(self.folder / "loss.csv", self.folder / "loss.png")
        # Compiling for a few pictures would take longer than the pictures.
        with self.average.applied(), torch.compiler.set_stance("force_eager"):
            self.task.eval()
            picture = self.folder / "samples" / f"{self.global_step:06d}.png"
            with torch.no_grad():
                save_picture(picture, self.task.sheet())
            self.task.export(Path(self.settings.weights))
            self.task.train()

    def _generator(self) -> torch.Generator:
        """Return the stream of this step and this device alone."""
        stream = (self.settings.seed * 1_000_003 + self.global_step) * 1009 + self.global_rank
        return torch.Generator().manual_seed(stream)

    def _note(self) -> None:
        loss = float(torch.stack(self.recent).mean())
        self.recent.clear()
        if self.global_rank:
            return
        rate = self.trainer.optimizers[0].param_groups[0]["lr"]
        path = self.folder / "loss.csv"
        new = not path.exists()
        with path.open("a", newline="") as file:
            writer = csv.writer(file)
            if new:
                writer.writerow(["step", "minutes", "loss", "learning_rate"])
            writer.writerow([self.global_step, f"{self.minutes:.3f}", f"{loss:.6f}", f"{rate:.3e}"])


class Saver(pl.Callback):
    """Writes checkpoint and results every few minutes and at the end."""

    def __init__(self, every_minutes: float) -> None:
        self.every_minutes, self.saved_at = every_minutes, 0.0

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: TrainingLoop, batch: Any, batch_idx: int
    ) -> None:
        """Save what the last step left, when it is time: callbacks end a step before the loop."""
        if pl_module.minutes - self.saved_at > self.every_minutes:
            self._save(trainer, pl_module)

    def on_train_end(self, trainer: pl.Trainer, pl_module: TrainingLoop) -> None:
        """Save the end."""
        self._save(trainer, pl_module)

    def on_exception(
        self, trainer: pl.Trainer, pl_module: TrainingLoop, exception: BaseException
    ) -> None:
        """Save what Ctrl-C ends; of several processes only all together could."""
        if isinstance(exception, KeyboardInterrupt) and trainer.world_size == 1:
            self._save(trainer, pl_module)

    def on_train_start(self, trainer: pl.Trainer, pl_module: TrainingLoop) -> None:
        """Count from the minutes that a resumed run has had."""
        self.saved_at = pl_module.minutes_before

    def _save(self, trainer: pl.Trainer, loop: TrainingLoop) -> None:
        trainer.save_checkpoint(loop.folder / CHECKPOINT)
        if trainer.is_global_zero:
            loop.write_results()
        self.saved_at = loop.minutes


def drop_rows_after(path: Path, step: int) -> None:
    """Take what a run noted after its last checkpoint out of the curve: it will note it again."""
    if not path.exists():
        return
    head, *rows = path.read_text().splitlines(keepends=True)
    kept = [row for row in rows if int(row.partition(",")[0]) <= step]
    write_text(path, "".join([head, *kept]))


def attention_kernel(device: torch.device) -> AbstractContextManager[None]:
    """Choose the kernels of attention: on a CPU the fused one's backward pass is the slower."""
    return sdpa_kernel(SDPBackend.MATH) if device.type == "cpu" else nullcontext()


def learning_rate(step: int, progress: float, *, peak: float, warmup: int) -> float:
    """Return a linear warm-up in steps times a cosine decay to zero in progress."""
    return peak * min(1.0, (step + 1) / max(1, warmup)) * 0.5 * (1 + math.cos(math.pi * progress))


def fit(settings: Settings, task: Task, *, folder: Path, devices: int, resume: bool) -> None:
    """Train `task`, writing into `folder`.

    Raises:
        FileNotFoundError: `resume` without a checkpoint.
        ValueError: the checkpoint belongs to another configuration, or there are not so many
            devices.
        KeyboardInterrupt: Ctrl-C, after saving.
    """
    checkpoint = folder / CHECKPOINT
    if resume:
        check_resume(checkpoint, settings)
    (folder / "samples").mkdir(parents=True, exist_ok=True)
    if not resume:
        (folder / "loss.csv").unlink(missing_ok=True)
    if settings.compile:
        task.compile_networks()
    use_fast_norms(task)
    loop = TrainingLoop(task, settings, folder=folder)
    # Batches are drawn inside the step: the loader only counts.
    steps = DataLoader(range(settings.limits.max_steps), batch_size=1)
    start = str(checkpoint) if resume else None
    try:
        trainer = make_trainer(settings, devices)
    except MisconfigurationException as error:
        raise ValueError(f"devices: got {devices}, but {str(error).splitlines()[0]}") from error
    try:
        trainer.fit(loop, steps, ckpt_path=start, weights_only=True)
    except SystemExit as leaving:
        # How Lightning ends after Ctrl-C.
        if trainer.interrupted:
            raise KeyboardInterrupt from leaving
        raise


def make_trainer(settings: Settings, devices: int) -> pl.Trainer:
    """Return Lightning's trainer, in bfloat16, with nothing on but what is needed."""
    return pl.Trainer(
        devices=devices,
        strategy="ddp_find_unused_parameters_true" if devices > 1 else "auto",
        precision="bf16-mixed",
        max_steps=settings.limits.max_steps,
        max_epochs=-1,
        gradient_clip_val=settings.optimiser.clip_norm,
        plugins=[PiecewiseIO()],
        callbacks=[Saver(settings.limits.save_minutes)],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
    )
