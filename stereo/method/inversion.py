"""Inversion: from an image's latents back to the noise that denoises into them.

DDIM inversion follows the schedule upwards; null-text inversion (Mokady et al., CVPR 2023) then
tunes the unconditional embedding of every step so that guided denoising runs back down the same
trajectory. For that both stay in float32: in half precision the optimisation does not converge.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ldm.models.diffusion.ddim import DDIMSampler
from stereo.method.denoise import denoise
from stereo.method.run import Run, Views
from stereo.options import NullTextOptions

LEARNING_RATE = 1e-2
EARLY_STOP_SLOPE = 2e-5
PUBLISHED_STEPS = 50


@dataclass(frozen=True)
class NullText:
    """Result of the optimisation.

    Attributes:
        embeddings: (steps, n, L, D), in the order of denoising.
        losses: of each step, in order, one per Adam step.
        path: latents (n, C, h, w) after each step of guided denoising with the embeddings.
    """

    embeddings: Tensor
    losses: list[list[float]]
    path: list[Tensor]


@torch.no_grad()
def ddim_inversion(run: Run, clean: Tensor) -> list[Tensor]:
    """Run DDIM upwards from clean latents (n, C, h, w), unguided; returns [z_0, ..., z_T]."""
    context = run.conditioning.context

    def noisier(latents: Tensor, index: int, views: Views) -> tuple[Tensor, Tensor]:
        with run.cache(index, len(views)):
            return run.sampler.encode_step(latents, context, index), clean

    walk = denoise(run, clean, range(run.total), ("trunk",), stage="invert", advance=noisier)
    return [clean, *(step.latents for step in walk)]


@torch.no_grad()
def null_text_inversion(run: Run, trajectory: list[Tensor], options: NullTextOptions) -> NullText:
    """Tune the unconditional embedding of each step to follow `trajectory` back down.

    Args:
        run: its conditioning holds the prompt, the start of the embeddings, and the guidance
            scale that they are tuned for; each step starts from the result of the one before.
            Its eta is 0.
        trajectory: of `ddim_inversion`, [z_0, ..., z_T], each (1, C, h, w).
        options: of the optimisation.
    """
    context, scale = run.conditioning.context, run.conditioning.guidance_scale
    pace = PUBLISHED_STEPS / run.total if options.scale_with_steps else 1
    embeddings, losses = [run.conditioning.unconditional], []

    def follow(latents: Tensor, index: int, views: Views) -> tuple[Tensor, Tensor]:
        remaining = run.total - 1 - index
        with run.cache(remaining, None):
            conditional = run.sampler.output(latents, context, remaining)
            step = _Step(run.sampler, latents, conditional, remaining, scale)
            target = trajectory[remaining]
            embedding, step_losses = _optimise(step, target, embeddings[-1], index * pace, options)
            embeddings.append(embedding)
            losses.append(step_losses)
            return step.previous(embedding), trajectory[0]

    steps = range(run.total)
    walk = denoise(run, trajectory[-1], steps, ("trunk",), stage="null-text", advance=follow)
    path = [step.latents for step in walk]
    return NullText(torch.stack(embeddings[1:]), losses, path)


@dataclass(frozen=True)
class _Step:
    """One denoising step as a function of the unconditional embedding alone.

    The conditional branch and the latents stay what they are, so that branch is run once.
    """

    sampler: DDIMSampler
    latents: Tensor
    conditional: Tensor
    index: int
    guidance_scale: float

    def previous(self, unconditional: Tensor) -> Tensor:
        """Return the next latents on the way down."""
        output = self.sampler.output(self.latents, unconditional, self.index)
        guided = output + self.guidance_scale * (self.conditional - output)
        return self.sampler.update(self.latents, guided, self.index)[0]


def learning_rate(progress: float) -> float:
    """Return the published rate, which falls with the step's number, and ends at 0."""
    return LEARNING_RATE * max(0.0, 1 - progress / 100)


def _optimise(
    step: _Step, target: Tensor, start: Tensor, progress: float, options: NullTextOptions
) -> tuple[Tensor, list[float]]:
    """Run Adam on one step's embedding; `progress` counts the published 50 steps.

    There is at least one update, as the stop test looks at the loss before it.
    """
    embedding = start.clone().requires_grad_(True)
    optimiser = torch.optim.Adam([embedding], lr=learning_rate(progress))
    losses: list[float] = []
    while len(losses) < options.inner_steps:
        with torch.enable_grad():
            loss = F.mse_loss(step.previous(embedding), target)
            (embedding.grad,) = torch.autograd.grad(loss, embedding)
        optimiser.step()
        losses.append(loss.item())
        if losses[-1] < options.epsilon + progress * EARLY_STOP_SLOPE:
            break
    return embedding.detach(), losses
