"""What every part of the embedded model gives its training loop."""

from abc import ABC, abstractmethod
from pathlib import Path

import torch
from torch import Tensor, nn

from shapes.training.settings import Settings, Stage


class Task(nn.Module, ABC):
    """A part being trained: its networks, its loss, its pictures, and its weights file.

    Batches are drawn inside `loss` from the generator that it is given, so that they are a
    function of the seed, the step and the stage. Where a run's steps end it, and not its minutes,
    it resumes exactly.
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

    def compile_networks(self) -> None:
        """Compile what the loss runs; the default leaves it as it is."""
