"""What every part of the embedded model gives its training loop."""

from abc import ABC, abstractmethod
from pathlib import Path

import torch
from torch import Tensor, nn
from torchvision.utils import make_grid

from shapes.training.settings import Settings, Stage

SHEET_IMAGES = 6


class Task(nn.Module, ABC):
    """A part being trained: its networks, its loss, its pictures, and its weights file.

    Batches are drawn inside `loss` from the generator that it gets, so that they are a function
    of the seed, the step and the stage. A run that is ended by its steps, not its minutes, resumes
    exactly.
    """

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self.settings = settings

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.parameters()).device

    @abstractmethod
    def loss(self, stage: Stage, generator: torch.Generator) -> Tensor:
        """Draw a batch and return its loss, a scalar."""

    @abstractmethod
    def sheet(self) -> Tensor:
        """Return a picture (3, H, W) in [0, 1] of what the networks do now."""

    @abstractmethod
    def export(self, path: Path) -> None:
        """Write the weights as they are now, with the configuration inside."""


def grid(*rows: Tensor, columns: int) -> Tensor:
    """Lay images (B, 3, H, W) in [0, 1] out side by side, `columns` a row, as (3, H, W)."""
    return make_grid(torch.cat(rows), nrow=columns, padding=0).clamp(0, 1)
