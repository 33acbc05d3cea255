"""Exponential moving average of weights."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class WeightAverage:
    """Running average of the trainable weights of a module, in float32.

    The decay grows with the number of updates, so that the random start is soon forgotten.
    """

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.module, self.decay, self.updates = module, decay, 0
        self.average = {name: value.detach().clone() for name, value in self._weights()}

    def update(self) -> None:
        """Move the average towards the module's weights."""
        self.updates += 1
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        weights = dict(self._weights())
        own = [self.average[name] for name in weights]
        torch._foreach_lerp_(own, [value.detach() for value in weights.values()], 1 - decay)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Put the average into the module, and its own weights back on exit."""
        kept = {name: value.detach().clone() for name, value in self._weights()}
        self._write(self.average)
        try:
            yield
        finally:
            self._write(kept)

    def state_dict(self) -> dict[str, Tensor | int]:
        """Return the average and the number of updates."""
        return {**self.average, "updates": self.updates}

    def load_state_dict(self, state: dict[str, Tensor | int]) -> None:
        """Take over what `state_dict` returned."""
        state = dict(state)
        self.updates = int(state.pop("updates"))
        for name, own in self.average.items():
            own.copy_(state[name])

    def to(self, device: torch.device) -> None:
        """Move the average to `device`."""
        self.average = {name: value.to(device) for name, value in self.average.items()}

    def _weights(self) -> Iterator[tuple[str, nn.Parameter]]:
        return ((n, p) for n, p in self.module.named_parameters() if p.requires_grad)

    def _write(self, values: dict[str, Tensor]) -> None:
        with torch.no_grad():
            for name, own in self._weights():
                own.copy_(values[name])
