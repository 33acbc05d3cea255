"""Classifier-free guidance (Ho & Salimans 2022)."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from ldm.models.diffusion.ddpm import Conditioning, LatentDiffusion


@dataclass(frozen=True)
class Guidance:
    """A conditioning, and another one to lead away from.

    Attributes:
        cond: conditioning of B samples.
        scale: how far to lead; 1 switches guidance off.
        unconditional: conditioning to lead away from; None switches guidance off.
        whole: no longer used.
    """

    cond: Conditioning
    scale: float = 1.0
    unconditional: Conditioning | None = None
    whole: bool = False

    def output(self, model: LatentDiffusion, x: Tensor, t: Tensor) -> Tensor:
        """Return the model's output for x (B, C, h, w) at t (B,), in one call.

        With guidance that is one batch of 2B, the unconditional ones first.
        """
        if self.unconditional is None or self.scale == 1.0:
            return model.apply_model(x, t, self.cond)
        both = join_conditionings(self.unconditional, self.cond)
        output = model.apply_model(torch.cat([x, x]), torch.cat([t, t]), both)
        unguided, conditional = output.chunk(2)
        return unguided + self.scale * (conditional - unguided)


def join_conditionings(first: Conditioning, second: Conditioning) -> Conditioning:
    """Return one conditioning for the samples of both, in order.

    Raises:
        ValueError: they are not of the same kind.
    """
    if isinstance(first, Tensor) and isinstance(second, Tensor):
        return torch.cat([first, second])
    if _kind(first) != _kind(second):
        raise ValueError(
            f"unconditional_conditioning: got {_kind(first)}, expected the conditioning's "
            f"{_kind(second)}"
        )
    if isinstance(second, Mapping):
        return {key: join_conditionings(first[key], second[key]) for key in second}
    return [join_conditionings(a, b) for a, b in zip(first, second, strict=True)]


def _kind(conditioning: Conditioning) -> list[str] | str:
    if isinstance(conditioning, Mapping):
        return sorted(conditioning)
    return "a tensor" if isinstance(conditioning, Tensor) else f"{len(conditioning)} tensors"
