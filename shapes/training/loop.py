"""The training loop, on Lightning: schedule, average of the weights, saving, pictures."""

import logging
import math
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.utilities.exceptions import MisconfigurationException
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.optim.swa_utils import AveragedModel
from torchvision.utils import save_image

from ldm.files import remove_stale, whole_file, write_text
from shapes.training.checkpoint import CHECKPOINT, WholeFileIO
from shapes.training.interrupt import deferred_interrupt
from shapes.training.settings import Settings
from shapes.training.task import Task

LOG_EVERY_STEPS = 10
CURVE_HEAD = "step,loss,learning_rate\n"


class TrainingLoop(pl.LightningModule):
    """Runs a task. Its state: weights, their average, minutes spent, and the loss so far."""

    def __init__(
        self, task: Task, settings: Settings, *, folder: Path, interrupt: threading.Event
    ) -> None:
        super().__init__()
        self.task, self.settings, self.folder, self.interrupt = task, settings, folder, interrupt
        self.trained = [p for p in task.parameters() if p.requires_grad]
        self.average = average_of(self.trained, settings.optimiser.ema_decay)
        self.minutes, self.started, self.saved_minutes = 0.0, 0.0, 0.0
        self.saved_step = -1
        self.recent: list[float] = []
        self.curve: list[str] = []

    @property
    def progress(self) -> float:
        """Share of the run that is done, by steps or by time, whichever is further."""
        limits = self.settings.limits
        return min(1.0, max(self.global_step / limits.max_steps, self.minutes / limits.max_minutes))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Return AdamW; the learning rate is set at every step."""
        options = self.settings.optimiser
        groups = [
            {"params": [p for p in self.trained if p.ndim > 1]},
            {"params": [p for p in self.trained if p.ndim <= 1], "weight_decay": 0.0},
        ]
        return torch.optim.AdamW(
            groups,
            lr=options.learning_rate,
            betas=(0.9, options.beta2),
            weight_decay=options.weight_decay,
        )

    def on_train_start(self) -> None:
        """Start the clock, or stop at once where the minutes were spent before."""
        self.started = time.monotonic() - 60 * self.minutes
        self.saved_minutes = self.minutes
        self.trainer.should_stop = self.progress >= 1

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        """Return the loss of the batch that belongs to this step."""
        options = self.settings.optimiser
        rate = learning_rate(
            self.global_step, self.progress, peak=options.learning_rate, warmup=options.warmup_steps
        )
        for group in self.trainer.optimizers[0].param_groups:
            group["lr"] = rate
        with attention_kernel(self.device):
            loss = self.task.loss(self.settings.stage(self.progress), self._generator())
        self.log("loss", loss.detach(), prog_bar=True, logger=False)
        return loss

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Average the weights, note the loss, save and stop when it is time.

        All devices go by the clock and by the interrupts of the first one.
        """
        self.average.update_parameters(nn.ParameterList(self.trained))
        self._note(float(outputs["loss"]))
        state = ((time.monotonic() - self.started) / 60, self.interrupt.is_set())
        self.minutes, interrupted = self.trainer.strategy.broadcast(state)
        self.trainer.should_stop = interrupted or self.progress >= 1
        pause = self.minutes - self.saved_minutes
        if self.trainer.should_stop or pause > self.settings.limits.save_minutes:
            self.save()

    def on_train_end(self) -> None:
        """Save the end."""
        self.save()

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add what Lightning does not know of."""
        checkpoint["minutes"] = self.minutes
        checkpoint["fingerprint"] = self.settings.fingerprint()
        checkpoint["recent"], checkpoint["curve"] = self.recent, self.curve

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Take it back."""
        self.minutes = checkpoint["minutes"]
        self.recent, self.curve = checkpoint["recent"], checkpoint["curve"]

    def save(self) -> None:
        """Write the checkpoint, then weights, curve and picture; once for a step."""
        if self.saved_step == self.global_step:
            return
        self.trainer.save_checkpoint(self.folder / CHECKPOINT)
        if self.trainer.is_global_zero:
            self.write_results()
        self.saved_step, self.saved_minutes = self.global_step, self.minutes

    def write_results(self) -> None:
        """Write the curve, and a picture and the weights file of the averaged weights."""
        write_text(self.folder / "loss.csv", CURVE_HEAD + "".join(self.curve))
        training = [module for module in self.task.modules() if module.training]
        with self.averaged(), torch.no_grad():
            self.task.eval()
            with whole_file(self.folder / "samples" / f"{self.global_step:06d}.png") as partial:
                save_image(self.task.sheet(), partial)
            self.task.export(Path(self.settings.weights))
        for module in training:
            module.training = True

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """Put the averaged weights into the task, and its own back on exit."""
        self._swap()
        try:
            yield
        finally:
            self._swap()

    def _swap(self) -> None:
        for own, average in zip(self.trained, self.average.parameters(), strict=True):
            own.data, average.data = average.data, own.data

    def _generator(self) -> torch.Generator:
        """Return the stream of this step and this device alone."""
        stream = (self.settings.seed * 1_000_003 + self.global_step) * 1009 + self.global_rank
        return torch.Generator().manual_seed(stream)

    def _note(self, loss: float) -> None:
        self.recent.append(loss)
        if len(self.recent) == LOG_EVERY_STEPS:
            rate = self.trainer.optimizers[0].param_groups[0]["lr"]
            mean = sum(self.recent) / LOG_EVERY_STEPS
            self.curve.append(f"{self.global_step},{mean:.6f},{rate:.3e}\n")
            self.recent.clear()


def average_of(weights: list[nn.Parameter], decay: float) -> AveragedModel:
    """Return the running average of weights.

    Its decay grows with the number of updates, so that the random start is soon forgotten.
    """

    def update(averages: list[Tensor], values: list[Tensor], updates: Tensor) -> None:
        grown = min(decay, (1 + int(updates)) / (10 + int(updates)))
        torch._foreach_lerp_(averages, values, 1 - grown)

    average = AveragedModel(nn.ParameterList(weights), multi_avg_fn=update)
    return average.requires_grad_(False)


def attention_kernel(device: torch.device) -> AbstractContextManager[None]:
    """Choose the kernels of attention: on a CPU the fused one's backward pass is the slower."""
    return sdpa_kernel(SDPBackend.MATH) if device.type == "cpu" else nullcontext()


def learning_rate(step: int, progress: float, *, peak: float, warmup: int) -> float:
    """Return a linear warm-up in steps times a cosine decay to zero in progress."""
    return peak * min(1.0, (step + 1) / max(1, warmup)) * 0.5 * (1 + math.cos(math.pi * progress))


def fit(trainer: pl.Trainer, settings: Settings, task: Task, *, folder: Path, resume: bool) -> None:
    """Train `task`, writing into `folder`.

    Raises:
        KeyboardInterrupt: Ctrl-C, after saving.
    """
    for place in (folder, folder / "samples", Path(settings.weights).parent):
        remove_stale(place)
    start = folder / CHECKPOINT if resume else None
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
    with deferred_interrupt() as interrupt, warnings.catch_warnings():
        # Of networks in evaluation mode, and of loaders that cannot go on: ours only counts.
        warnings.filterwarnings("ignore", module="pytorch_lightning")
        loop = TrainingLoop(task, settings, folder=folder, interrupt=interrupt)
        steps = range(settings.limits.max_steps)
        try:
            trainer.fit(loop, steps, ckpt_path=start, weights_only=True)
        except SystemExit as leaving:  # how Lightning ends after a signal
            if trainer.interrupted or interrupt.is_set():
                raise KeyboardInterrupt from leaving
            raise
        if interrupt.is_set():
            raise KeyboardInterrupt
    if loop.saved_step < 0 and trainer.is_global_zero:
        loop.write_results()  # resumed after its last step, perhaps killed before it wrote these


def make_trainer(settings: Settings, devices: int) -> pl.Trainer:
    """Return Lightning's trainer, in bfloat16, with nothing on but what is needed.

    Raises:
        ValueError: there are not so many devices.
    """
    try:
        return pl.Trainer(
            devices=devices,
            strategy="ddp_find_unused_parameters_true" if devices > 1 else "auto",
            precision="bf16-mixed",
            max_steps=settings.limits.max_steps,
            max_epochs=-1,
            gradient_clip_val=settings.optimiser.clip_norm,
            plugins=[WholeFileIO()],
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=sys.stdout.isatty(),
            enable_model_summary=False,
            use_distributed_sampler=False,
        )
    except MisconfigurationException as error:
        raise ValueError(f"devices: got {devices}, but {str(error).splitlines()[0]}") from error
