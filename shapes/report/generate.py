"""Pictures for given prompts, several at once: the left views, as the workflows make them."""

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from ldm.models.diffusion.ddim import DDIMSampler
from stereo.depth.parallax import normalise, resize_to_latents
from stereo.noise import seeded_noise
from stereo.pixels.codec import decode, latent_size, model_side_px

if TYPE_CHECKING:
    from ldm.models.diffusion.ddpm import LatentDiffusion

log = logging.getLogger(__name__)

FIRST_SEED = 2024
BATCH = 4


@dataclass(frozen=True)
class Sampling:
    """DDIM steps and guidance of the report's pictures; picture k starts from seed 2024 + k."""

    steps: int
    guidance_scale: float


@torch.no_grad()
def make_pictures(
    model: "LatentDiffusion",
    texts: list[str],
    sampling: Sampling,
    *,
    disparity: Tensor | None = None,
) -> Tensor:
    """Make one picture for each prompt.

    Args:
        model: 4-channel, or with `disparity` depth-conditioned.
        texts: N prompts.
        sampling: steps and guidance.
        disparity: (N, H, W), near = large.

    Returns:
        (N, 3, H, W) in [0, 1], on the CPU.
    """
    pictures = []
    for first in range(0, len(texts), BATCH):
        part = slice(first, first + BATCH)
        maps = None if disparity is None else disparity[part]
        pictures.append(_make_batch(model, texts[part], first, sampling, maps))
        log.info("made %d of %d pictures", min(first + BATCH, len(texts)), len(texts))
    return torch.cat(pictures)


def to_uint8(pictures: Tensor) -> np.ndarray:
    """Turn (N, 3, H, W) in [0, 1] into (N, H, W, 3) uint8."""
    return (pictures * 255).round().clamp(0, 255).byte().permute(0, 2, 3, 1).numpy()


def _make_batch(
    model: "LatentDiffusion",
    texts: list[str],
    first: int,
    sampling: Sampling,
    disparity: Tensor | None,
) -> Tensor:
    side = model_side_px(model)
    size = latent_size(model, side, side)
    seeds = range(FIRST_SEED + first, FIRST_SEED + first + len(texts))
    start = seeded_noise(seeds, (model.channels, *size))
    context = model.get_learned_conditioning(texts).float()
    empty = model.get_learned_conditioning([""]).float().expand_as(context)
    cond, uncond = context, empty
    if disparity is not None:
        near = normalise(resize_to_latents(disparity, size)).to(model.device)
        depth = (near * 2 - 1).unsqueeze(1)  # (B, 1, h, w)
        cond, uncond = ({"c_crossattn": [c], "c_concat": [depth]} for c in (context, empty))
    latents, _ = DDIMSampler(model).sample(
        sampling.steps,
        len(texts),
        start.shape[1:],
        cond,
        x_T=start.to(model.device),
        unconditional_guidance_scale=sampling.guidance_scale,
        unconditional_conditioning=uncond,
    )
    return (decode(model, latents) / 2 + 0.5).clamp(0, 1).cpu()
