"""Classifier-free guidance (Ho & Salimans 2022)."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from ldm.models.diffusion.ddpm import Conditioning, LatentDiffusion


@dataclass(frozen=True)
class Guidance:
    """What the model is told, and what it is led away from.

    Attributes:
        cond: conditioning of B samples.
        scale: how far to lead; 1 switches guidance off.
        unconditional: conditioning to lead away from; None switches guidance off.
        whole: evaluate each x under both from the first layer on, as the published code does; the
            result is the same.
    """

    cond: Conditioning
    scale: float = 1.0
    unconditional: Conditioning | None = None
    whole: bool = False

    def output(self, model: LatentDiffusion, x: Tensor, t: Tensor) -> Tensor:
        """Return the model's output for x (B, C, h, w) at t (B,), in one call.

        With guidance the model sees each x under two conditions, the unconditional first, and
        unless `whole` evaluates once what does not depend on them.
        """
        if self.unconditional is None or self.scale == 1.0:
            return model.apply_model(x, t, self.cond)
        both = join_conditionings(self.unconditional, self.cond, whole=self.whole)
        if self.whole:
            x, t = torch.cat([x, x]), torch.cat([t, t])
        unguided, conditional = model.apply_model(x, t, both).chunk(2)
        return unguided + self.scale * (conditional - unguided)


def join_conditionings(
    first: Conditioning, second: Conditioning, *, whole: bool = False
) -> Conditioning:
    """Return one conditioning for the samples of both, in order.

    A depth map that is the same tensor in both stays as it is, holding under either text, unless
    each is wanted `whole`.

    Raises:
        ValueError: they are not of the same kind.
    """
    if isinstance(first, Tensor) and isinstance(second, Tensor):
        return torch.cat([first, second])
    if _keys(first) != _keys(second):
        raise ValueError(
            f"unconditional_conditioning: got {_keys(first)}, expected the conditioning's "
            f"{_keys(second)}"
        )
    return {
        key: [
            b if key == "c_concat" and a is b and not whole else torch.cat([a, b])
            for a, b in zip(first[key], second[key], strict=True)
        ]
        for key in second
    }


def _keys(conditioning: Conditioning) -> list[str] | str:
    return sorted(conditioning) if isinstance(conditioning, Mapping) else "a tensor"
