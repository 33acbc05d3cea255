"""Stereo denoising: one trunk of steps for both views, a shift, then two views side by side.

Before the shift both views are identical, so one is computed. After it, `uni` never lets the left
view depend on the right one; a left branch that has been run already is replayed (`denoise_right`)
instead of computed again. All bookkeeping is per call.
"""

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor

from ldm.models.diffusion.ddim import DDIMSampler
from ldm.models.diffusion.guidance import Guidance
from ldm.modules.attention import CrossAttention
from stereo.method.attention import (
    Attention,
    record_attention,
    replay_attention,
    self_attention_layers,
    share_attention,
)
from stereo.method.conditioning import Conditioning, View
from stereo.method.latents import step_noise
from stereo.method.published_noise import PublishedNoise
from stereo.method.schedule import LatentShift, ShiftSteps
from stereo.options import StereoOptions
from stereo.runtime.memory import keep
from stereo.runtime.step_cache import Forgetful, Unchanging, unchanging

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class StepReport:
    """What a progress hook is told after every step.

    `latents` and `predicted` (x0) are (views * n, C, h, w), left views first.
    """

    stage: str
    step: int
    total: int
    latents: Tensor
    predicted: Tensor


OnStep = Callable[[StepReport], None]


@dataclass(frozen=True)
class Denoiser:
    """One model, schedule and prompt: everything about a run except the latents.

    Attributes:
        sampler: with its schedule made.
        conditioning: of the n samples.
        total: executed steps; fewer than the schedule's when it starts part of the way.
        seed: of the first sample; the noise that eta > 0 adds goes by each sample's.
        on_step: called after every step; raising in it ends the run.
        wasteful: evaluate every call whole, as the published code does: each latent anew under
            each text, with nothing kept from one call for the next. The result is the same.
        published_noise: of the whole run, in place of the samples' own.
    """

    sampler: DDIMSampler
    conditioning: Conditioning
    total: int
    seed: int = 0
    on_step: OnStep | None = None
    wasteful: bool = False
    published_noise: PublishedNoise | None = None

    @property
    def unet(self) -> torch.nn.Module:
        """Return the network."""
        return self.sampler.model.model.diffusion_model

    @cached_property
    def self_attention(self) -> dict[str, CrossAttention]:
        """Return the layers of the network that the attention edit swaps."""
        return self_attention_layers(self.unet)

    @cached_property
    def unchanging(self) -> Unchanging | Forgetful:
        """Return what the network makes of the timesteps and prompts."""
        return unchanging(self.sampler, wasteful=self.wasteful)

    def step(self, latents: Tensor, index: int, views: tuple[View, ...]) -> tuple[Tensor, Tensor]:
        """Advance latents (views * n, C, h, w) by DDIM step `index` (0-based, in order of time)."""
        cond, uncond = self.conditioning.at(index, views)
        scale = self.conditioning.guidance_scale
        guidance = Guidance(cond, scale, uncond, whole=self.wasteful)
        remaining = self.total - 1 - index
        timesteps = self.sampler.timesteps_at(remaining, latents)
        own_prompts = self.conditioning.changes_by_step
        with self.unchanging.at(remaining, views=None if own_prompts else len(views)):
            output = guidance.output(self.sampler.model, latents, timesteps)
        noise = self._noise(index, remaining, latents, len(views))
        return self.sampler.update(latents, output, remaining, noise=noise)

    def renoise(self, clean: Tensor, noise: Tensor) -> Tensor:
        """Bring clean latents (n, C, h, w) to the noise level that this run starts from."""
        return self.sampler.stochastic_encode(clean, self.total - 1, noise=noise)

    def report(self, stage: str, index: int, latents: Tensor, predicted: Tensor) -> None:
        """Tell the hook about a finished step."""
        if self.on_step is not None:
            self.on_step(StepReport(stage, index, self.total, latents, predicted))

    def _noise(self, index: int, remaining: int, latents: Tensor, views: int) -> Tensor | None:
        """Return what the step adds, the same for all views of a sample; None with eta 0."""
        if not self.sampler.ddim_sigmas[remaining]:
            return None
        if self.published_noise is not None:
            return self.published_noise.step(index, views).to(latents)
        samples = len(latents) // views
        seeds = range(self.seed, self.seed + samples)
        return step_noise(seeds, index, latents).to(latents).repeat(views, 1, 1, 1)


@dataclass
class LeftBranch:
    """A left view's start, its latents after each step, and, where recorded, its attention."""

    start: Tensor
    latents: list[Tensor] = field(default_factory=list)
    attention: dict[int, Attention] = field(default_factory=dict)

    @property
    def final(self) -> Tensor:
        """Return the latents after the last step so far."""
        return self.latents[-1] if self.latents else self.start

    def attention_bytes(self) -> int:
        """Return the size of what was recorded for the right view."""
        kept = [t for store in self.attention.values() for seen in store.values() for t in seen]
        return sum(t.nbytes for t in kept)


def denoise_left(
    run: Denoiser, start: Tensor, *, stop: int | None = None, record_after: int | None = None
) -> LeftBranch:
    """Denoise one view alone from `start` (n, C, h, w) through step `stop - 1`.

    With `record_after`, later steps keep what a right view's attention needs (see
    `denoise_right`).
    """
    branch, latents = LeftBranch(start), start
    for index in range(run.total if stop is None else min(stop, run.total)):
        store: Attention = {}
        recording = record_after is not None and index > record_after
        with record_attention(run.self_attention, store) if recording else nullcontext():
            latents, predicted = run.step(latents, index, ("trunk",))
        branch.latents.append(latents)
        if recording:
            branch.attention[index] = keep(store)
        run.report("left", index, latents, predicted)
    if branch.attention:
        log.debug("kept %.0f MiB of the left view's attention", branch.attention_bytes() / 2**20)
    return branch


def left_attention(run: Denoiser, branch: LeftBranch, index: int) -> Attention:
    """Return what the left view's layers saw at a step: recorded, or evaluated for that alone."""
    if index in branch.attention:
        return branch.attention[index]
    store: Attention = {}
    with record_attention(run.self_attention, store):
        run.step(branch.latents[index - 1], index, ("left",))
    return store


def denoise_right(
    run: Denoiser,
    branch: LeftBranch,
    plan: LatentShift,
    steps: ShiftSteps,
    hole_noise: Tensor | None,
    *,
    share: bool = True,
) -> tuple[Tensor, Tensor]:
    """Denoise the right view alone beside a finished left branch (`uni`, left view unmoved).

    Gives what the joint run gives, for half of its work where the branch recorded its attention.
    `share` switches the attention edit. Returns the right latents (n, C, h, w) and the shift's
    valid mask (n, 1, h, w).
    """
    if plan.left is not None:
        raise ValueError("shift_both: moves the left view too, so a finished one cannot be re-used")
    _, right, valid = plan.split(branch.latents[steps.shift], hole_noise)
    for index in range(steps.shift + 1, run.total):
        store = left_attention(run, branch, index) if share else None
        with replay_attention(run.self_attention, store) if store is not None else nullcontext():
            right, predicted = run.step(right, index, ("right",))
        if index in steps.refresh:
            right = plan.reapply(branch.latents[index], right, valid)
        run.report("right", index, right, predicted)
    return right, valid


def denoise_joint(
    run: Denoiser,
    trunk: Tensor,
    plan: LatentShift,
    steps: ShiftSteps,
    options: StereoOptions,
    hole_noise: Tensor | None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Denoise both views together from `trunk` (n, C, h, w), the latents after step `shift`.

    Returns left and right latents (n, C, h, w) and the shift's valid mask (n, 1, h, w).
    """
    samples = trunk.shape[0]
    left, right, valid = plan.split(trunk, hole_noise)
    for index in range(steps.shift + 1, run.total):
        with _shared(run, options, samples):
            views, predicted = run.step(torch.cat([left, right]), index, ("left", "right"))
        left, right = views.chunk(2)
        if index in steps.refresh:
            right = plan.reapply(left, right, valid)
        run.report("pair", index, torch.cat([left, right]), predicted)
    return left, right, valid


def denoise_apart(
    run: Denoiser,
    start: Tensor,
    plan: LatentShift,
    steps: ShiftSteps,
    options: StereoOptions,
    hole_noise: Tensor | None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Denoise both views from `start` (n, C, h, w), as the published code does.

    Gives what `denoise_joint` gives; the steps before the shift run twice for it.
    """
    views = torch.cat([start, start])
    for index in range(steps.shift + 1):
        # Matters with eta > 0 alone, whose noise makes the views differ before the shift.
        edited = _shared(run, options, len(start)) if index == steps.shift else nullcontext()
        with edited:
            views, predicted = run.step(views, index, ("trunk", "trunk"))
        run.report("pair", index, views, predicted)
    return denoise_joint(run, views.chunk(2)[0], plan, steps, options, hole_noise)


def _shared(run: Denoiser, options: StereoOptions, samples: int) -> AbstractContextManager[None]:
    if not options.shared_attention:
        return nullcontext()
    return share_attention(run.self_attention, options.direction, samples)
