"""What the UNet is told at each step: prompt embeddings, the unconditional ones, depth maps."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

Condition = dict[str, list[Tensor]]
# `trunk` is the one view of the steps before the shift.
View = Literal["trunk", "left", "right"]


@dataclass(frozen=True)
class Conditioning:
    """Prompts of n samples, the same for every view, and each view's depth.

    Attributes:
        context: (n, L, D) prompt embeddings.
        unconditional: (n, L, D), or (steps, n, L, D) where each step has its own (null-text).
        guidance_scale: classifier-free guidance; 1 switches it off.
        depth: per view (n, 1, h, w) in [-1, 1], for depth-conditioned models.
    """

    context: Tensor
    unconditional: Tensor
    guidance_scale: float
    depth: Mapping[View, Tensor] | None = None

    @property
    def changes_by_step(self) -> bool:
        """Return whether each step has an unconditional embedding of its own."""
        return self.unconditional.ndim == 4

    def at(self, step: int, views: tuple[View, ...]) -> tuple[Condition, Condition | None]:
        """Return the conditional and unconditional condition of a batch of `views` at a step.

        Both hold the very same depth maps, so that guidance need not look at them twice.
        """
        maps: Condition = {}
        if self.depth is not None:
            maps = {"c_concat": [torch.cat([self.depth[view] for view in views])]}
        cond = {"c_crossattn": [self.context.repeat(len(views), 1, 1)], **maps}
        if self.guidance_scale == 1:
            return cond, None
        unconditional = self.unconditional[step] if self.changes_by_step else self.unconditional
        return cond, {"c_crossattn": [unconditional.repeat(len(views), 1, 1)], **maps}
