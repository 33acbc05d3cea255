"""What the UNet is conditioned on at each step: prompts, their negatives, depth maps."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from ldm.models.diffusion.ddpm import LatentDiffusion
from stereo.method.latent_shift import LatentShift, move_map
from stereo.options import SamplingOptions, StereoOptions

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

        Both hold the very same depth maps, so that guidance need not evaluate them twice.
        """
        maps: Condition = {}
        if self.depth is not None:
            maps = {"c_concat": [torch.cat([self.depth[view] for view in views])]}
        cond = {"c_crossattn": [self.context.repeat(len(views), 1, 1)], **maps}
        if self.guidance_scale == 1:
            return cond, None
        unconditional = self.unconditional[step] if self.changes_by_step else self.unconditional
        return cond, {"c_crossattn": [unconditional.repeat(len(views), 1, 1)], **maps}


def embed_prompts(
    model: LatentDiffusion,
    prompt: str,
    negative_prompt: str,
    sampling: SamplingOptions,
    depth: Mapping[View, Tensor] | None = None,
) -> Conditioning:
    """Embed a prompt and its negative for all samples.

    Raises:
        ValueError: when no guidance scale has been chosen.
    """
    if sampling.guidance_scale is None:
        raise ValueError("guidance_scale: got None, expected a number")
    context = model.get_learned_conditioning([prompt, negative_prompt]).float()
    positive, negative = (part.repeat(sampling.samples, 1, 1) for part in context.split(1))
    return Conditioning(positive, negative, sampling.guidance_scale, depth)


def depth_conditions(
    relative: Tensor, shift: LatentShift, options: StereoOptions
) -> dict[View, Tensor]:
    """Return each view's depth map (n, 1, h, w) in [-1, 1], near = 1.

    As published, all views get the left view's map. With `warp_depth_condition` each view is
    shown its own depth instead, as the left view's would hold the right one's objects back.
    `relative` (n, h, w) is disparity in [0, 1] at latent size, near = 1.
    """
    views: dict[View, Tensor] = dict.fromkeys(("trunk", "left", "right"), relative)
    if options.warp_depth_condition:
        views["right"] = move_map(relative, shift.right, shift.eyes[1])
        if shift.left is not None:
            views["left"] = move_map(relative, shift.left, shift.eyes[0])
    return {view: (depth * 2 - 1).unsqueeze(1) for view, depth in views.items()}
