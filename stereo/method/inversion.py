"""Inversion: from an image's latents back to the noise that denoises into them.

DDIM inversion follows the schedule upwards; null-text inversion (Mokady et al., CVPR 2023) then
tunes the unconditional embedding of every step so that guided denoising runs back down the same
trajectory. For that both stay in float32: in half precision the optimisation does not converge.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ldm.models.diffusion.ddim import DDIMSampler
from stereo.method.conditioning import Conditioning
from stereo.method.denoise import Denoiser, LeftBranch, OnStep, StepReport
from stereo.method.schedule import trunk_steps
from stereo.options import NullTextOptions, StereoOptions
from stereo.runtime.prepacked import repack
from stereo.runtime.step_cache import unchanging

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

    @property
    def latents(self) -> Tensor:
        """Return the latents that guided denoising with the embeddings ends in."""
        return self.path[-1]


@torch.no_grad()
def ddim_inversion(
    sampler: DDIMSampler,
    latents: Tensor,
    context: Tensor,
    on_step: OnStep | None = None,
    *,
    wasteful: bool = False,
) -> list[Tensor]:
    """Run DDIM upwards from `latents` (n, C, h, w), unguided; returns [z_0, ..., z_T].

    With `wasteful` no call keeps anything for the next one.
    """
    trajectory = [latents]
    total = len(sampler.ddim_timesteps)
    known = unchanging(sampler, wasteful=wasteful)
    for step in range(total):
        with known.at(step, views=1):
            trajectory.append(sampler.encode_step(trajectory[-1], context, step))
        if on_step is not None:
            on_step(StepReport("invert", step, total, trajectory[-1], latents))
    return trajectory


@torch.no_grad()
def null_text_inversion(
    sampler: DDIMSampler,
    trajectory: list[Tensor],
    conditioning: Conditioning,
    options: NullTextOptions,
    on_step: OnStep | None = None,
    *,
    wasteful: bool = False,
) -> NullText:
    """Tune the unconditional embedding of each step to follow `trajectory` back down.

    Args:
        sampler: with its schedule made; eta 0.
        trajectory: of `ddim_inversion`, [z_0, ..., z_T], each (1, C, h, w).
        conditioning: the prompt, the start of the embeddings, and the guidance scale that they
            are tuned for; each step starts from the result of the one before.
        options: of the optimisation.
        on_step: told about every finished step.
        wasteful: do as the published code, which has the gradients of all weights computed,
            unused, and runs the conditional branch a second time; the result is the same.
    """
    total = len(trajectory) - 1
    latents, embedding = trajectory[-1], conditioning.unconditional
    pace = PUBLISHED_STEPS / total if options.scale_with_steps else 1
    weights = tuple(sampler.model.model.parameters()) if wasteful else ()
    known = unchanging(sampler, wasteful=wasteful)
    embeddings, losses, path = [], [], []
    for step in range(total):
        index = total - 1 - step
        with known.at(index, views=None):
            conditional = sampler.output(latents, conditioning.context, index)
            problem = _Step(sampler, latents, conditional, index, conditioning.guidance_scale)
            embedding, step_losses = _optimise(
                problem, trajectory[index], embedding, step * pace, options, weights
            )
            if wasteful:
                again = sampler.output(latents, conditioning.context, index)
                problem = replace(problem, conditional=again)
            latents = problem.previous(embedding)
        embeddings.append(embedding)
        losses.append(step_losses)
        path.append(latents)
        if on_step is not None:
            on_step(StepReport("null-text", step, total, latents, trajectory[0]))
    return NullText(torch.stack(embeddings), losses, path)


def invert_photo(
    run: Denoiser, clean: Tensor, options: StereoOptions, null_text: NullTextOptions
) -> tuple[Denoiser, LeftBranch]:
    """Turn a photo's latents (1, C, h, w) into the left branch that ends in them.

    `direct`: the inversion's own trajectory is the branch, and guidance, which would lead away
    from it, is off. `null-text`: the branch is what the tuned embeddings lead along, as far as
    the shift or, for fusion, to its end. Returns the run for the right view, too.
    """
    told = run.conditioning
    if options.inversion == "direct":
        trajectory = ddim_inversion(run.sampler, clean, told.context, run.on_step)
        unguided = replace(run, conditioning=replace(told, guidance_scale=1.0))
        return unguided, LeftBranch(trajectory[-1], trajectory[-2::-1])
    with in_float32(run.unet):
        trajectory = ddim_inversion(
            run.sampler, clean, told.context, run.on_step, wasteful=run.wasteful
        )
        tuned = null_text_inversion(
            run.sampler, trajectory, told, null_text, run.on_step, wasteful=run.wasteful
        )
    run = replace(run, conditioning=replace(told, unconditional=tuned.embeddings))
    stop = None if options.fusion else trunk_steps(run.total, options)
    return run, LeftBranch(trajectory[-1], tuned.path[:stop])


@contextmanager
def in_float32(module: nn.Module) -> Iterator[None]:
    """Run a module in float32 inside this context and bring its precision back afterwards."""
    dtype = next(module.parameters()).dtype
    repack(module.float())
    try:
        yield
    finally:
        repack(module.to(dtype))


@contextmanager
def _wanting_gradients(weights: Sequence[nn.Parameter]) -> Iterator[None]:
    """Let parameters require gradients inside this context."""
    before = [weight.requires_grad for weight in weights]
    try:
        for weight in weights:
            weight.requires_grad_(True)
        yield
    finally:
        for weight, wanted in zip(weights, before, strict=True):
            weight.requires_grad_(wanted)


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
    problem: _Step,
    target: Tensor,
    start: Tensor,
    progress: float,
    options: NullTextOptions,
    weights: Sequence[nn.Parameter],
) -> tuple[Tensor, list[float]]:
    """Adam on one step's embedding; at least one update, as the test looks at the loss before it.

    `progress` counts the published 50 steps. Gradients of `weights` are computed and dropped.
    """
    embedding = start.clone().requires_grad_(True)
    optimiser = torch.optim.Adam([embedding], lr=learning_rate(progress))
    losses: list[float] = []
    while len(losses) < options.inner_steps:
        with torch.enable_grad(), _wanting_gradients(weights):
            loss = F.mse_loss(problem.previous(embedding), target)
            wanted = (embedding, *weights)
            embedding.grad = torch.autograd.grad(loss, wanted, allow_unused=bool(weights))[0]
        optimiser.step()
        losses.append(loss.item())
        if losses[-1] < options.epsilon + progress * EARLY_STOP_SLOPE:
            break
    return embedding.detach(), losses
