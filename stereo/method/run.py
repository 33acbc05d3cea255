"""One run of the network: its model, schedule and prompts, and how it takes a single step."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cached_property

from torch import Tensor

from ldm.models.diffusion.ddim import DDIMSampler
from ldm.models.diffusion.ddpm import LatentDiffusion
from ldm.models.diffusion.guidance import Guidance
from ldm.modules.attention import CrossAttention
from stereo.method.attention import Attention, self_attention_layers
from stereo.method.conditioning import Conditioning, View
from stereo.options import SamplingOptions


@dataclass(frozen=True)
class StepReport:
    """One finished step, as a progress hook sees it.

    `latents` and `predicted` (x0) are (views * n, C, h, w), left views first.
    """

    stage: str
    step: int
    total: int
    latents: Tensor
    predicted: Tensor


OnStep = Callable[[StepReport], None]
Views = tuple[View, ...]
# Entered with a step's index in the schedule and the number of views; None: prompts of its own.
StepCache = Callable[[int, int | None], AbstractContextManager[None]]


@dataclass(frozen=True)
class Hooks:
    """What a run is handed from outside; by default nothing is watched or saved.

    Attributes:
        on_step: called after every step; raising in it ends the run.
        step_noise: draws what a step adds to (views * n, C, h, w); needed with eta > 0.
        cache: makes the cache of what does not depend on the latents, for one set of prompts.
        keep: what is stored of one step's recorded attention.
    """

    on_step: OnStep | None = None
    step_noise: Callable[[int, int], Tensor] | None = None
    cache: Callable[[DDIMSampler], StepCache] = lambda sampler: lambda index, views: nullcontext()
    keep: Callable[[Attention], Attention] = lambda attention: attention


@dataclass(frozen=True)
class Run:
    """One model, schedule and prompt: everything about a run except the latents.

    Attributes:
        sampler: with its schedule made.
        conditioning: of the n samples.
        total: executed steps; fewer than the schedule's when it starts part of the way.
        hooks: what watches and helps it.
    """

    sampler: DDIMSampler
    conditioning: Conditioning
    total: int
    hooks: Hooks = Hooks()

    @cached_property
    def self_attention(self) -> dict[str, CrossAttention]:
        """Return the layers of the network that the attention edit swaps."""
        return self_attention_layers(self.sampler.model.model.diffusion_model)

    @cached_property
    def cache(self) -> StepCache:
        """Return the step cache, which holds for this run's prompts."""
        return self.hooks.cache(self.sampler)

    def step(self, latents: Tensor, index: int, views: Views) -> tuple[Tensor, Tensor]:
        """Advance latents (views * n, C, h, w) by step `index`, from 0 in the order of time."""
        cond, uncond = self.conditioning.at(index, views)
        guidance = Guidance(cond, self.conditioning.guidance_scale, uncond)
        remaining = self.total - 1 - index
        timesteps = self.sampler.timesteps_at(remaining, latents)
        with self.cache(remaining, None if self.conditioning.changes_by_step else len(views)):
            output = guidance.output(self.sampler.model, latents, timesteps)
        noise = None
        if self.sampler.ddim_sigmas[remaining]:
            noise = self.hooks.step_noise(index, len(views)).to(latents)
        return self.sampler.update(latents, output, remaining, noise=noise)

    def alpha_before(self, index: int) -> float:
        """Return the cumulative alpha of the latents that step `index` starts from."""
        return self.sampler.ddim_alphas[self.total - 1 - index]

    def alpha_after(self, index: int) -> float:
        """Return the cumulative alpha of the latents that step `index` ends in."""
        return self.sampler.ddim_alphas_prev[self.total - 1 - index]


def start_run(
    model: LatentDiffusion,
    conditioning: Conditioning,
    sampling: SamplingOptions,
    hooks: Hooks = Hooks(),
    *,
    counted: bool = False,
) -> Run:
    """Make the schedule; a strength below 1 leaves out its first, noisiest steps.

    Where the steps do not divide the model's 1000, the schedule has more of them than asked for;
    `counted` takes the strength's share of what was asked for, as the published code does.
    """
    sampler = DDIMSampler(model)
    sampler.make_schedule(sampling.steps, ddim_eta=sampling.eta)
    total = int(sampling.strength * (sampling.steps if counted else len(sampler.ddim_timesteps)))
    if total < 1:
        raise ValueError(
            f"strength: got {sampling.strength} of {sampling.steps} steps, which leaves none to run"
        )
    return Run(sampler, conditioning, total, hooks)
