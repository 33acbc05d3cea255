"""One step of DDIM, in either direction, and what published calls may ask of it."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ldm.models.diffusion.ddpm import LatentDiffusion
from ldm.models.diffusion.guidance import Guidance
from ldm.models.diffusion.schedule import DDIMSchedule
from ldm.util import require

# Takes latents and the index of a step; returns the next latents and the predicted clean ones.
Step = Callable[[Tensor, int], tuple[Tensor, Tensor]]


def walk(
    x: Tensor,
    indices: Iterable[int],
    step: Step,
    callback: Callable[[int], None] | None = None,
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield latents and predicted clean latents (B, C, h, w) after the step of each index.

    `callback` is called with the number of each finished step, from 0.
    """
    for number, index in enumerate(indices):
        x, pred_x0 = step(x, index)
        if callback is not None:
            callback(number)
        yield x, pred_x0


@dataclass(frozen=True)
class StepOptions:
    """Published options of a denoising step.

    Attributes:
        temperature: factor of the fresh noise.
        noise_dropout: share of the fresh noise's elements that become 0.
        repeat_noise: give all samples the same fresh noise.
        score_corrector: its `modify_score(model, eps, x, t, cond, **corrector_kwargs)` returns the
            noise to go on with; for models that predict noise only.
        corrector_kwargs: see there.
        quantize_denoised: not supported, as no published model quantises.
        dynamic_threshold: not supported, as in the published code.
        generator: for the fresh noise, on the CPU.
    """

    temperature: float = 1.0
    noise_dropout: float = 0.0
    repeat_noise: bool = False
    score_corrector: Any = None
    corrector_kwargs: Mapping[str, Any] | None = None
    quantize_denoised: bool = False
    dynamic_threshold: float | None = None
    generator: torch.Generator | None = None

    def __post_init__(self) -> None:
        require("quantize_denoised", self.quantize_denoised, False)
        require("dynamic_threshold", self.dynamic_threshold, None)

    def fresh_noise(self, like: Tensor) -> Tensor:
        """Draw the noise that a step adds to latents (B, C, h, w)."""
        noise = draw_noise(like[:1] if self.repeat_noise else like, self.generator)
        return F.dropout(noise.expand_as(like) * self.temperature, self.noise_dropout)

    def correct(
        self, model: LatentDiffusion, output: Tensor, x: Tensor, t: Tensor, guidance: Guidance
    ) -> Tensor:
        """Return the model's output as the score corrector changes it."""
        if self.score_corrector is None:
            return output
        require("parameterization with a score_corrector", model.parameterization, "eps")
        options = self.corrector_kwargs or {}
        return self.score_corrector.modify_score(model, output, x, t, guidance.cond, **options)


def draw_noise(like: Tensor, generator: torch.Generator | None) -> Tensor:
    """Draw unit noise on the CPU, in the shape and on the device of `like`."""
    return torch.randn(like.shape, generator=generator).to(like)


def noised(
    schedule: DDIMSchedule, x0: Tensor, indices: Sequence[int] | Tensor, noise: Tensor
) -> Tensor:
    """Return x0 (B, C, h, w) with as much of `noise` as before the steps of one index or (B,)."""
    alphas = torch.tensor(schedule.alphas)[indices].to(x0.device).reshape(-1, 1, 1, 1)
    return (alphas.sqrt() * x0 + (1 - alphas).sqrt() * noise).to(x0.dtype)


def kept_by_mask(
    schedule: DDIMSchedule,
    mask: Tensor | None,
    x0: Tensor | None,
    generator: torch.Generator | None,
) -> Callable[[Tensor, int], Tensor]:
    """Return what puts x0 where the mask is 1, at the noise level of a step's index."""
    if mask is None:
        return lambda x, index: x
    if x0 is None:
        raise ValueError("x0: got None, expected latents that the mask keeps")

    def masked(x: Tensor, index: int) -> Tensor:
        return mask * noised(schedule, x0, [index], draw_noise(x0, generator)) + (1 - mask) * x

    return masked


def timesteps_at(schedule: DDIMSchedule, index: int, x: Tensor) -> Tensor:
    """Return the timestep of step `index` for each sample of x, (B,) on its device."""
    timestep = schedule.timesteps[index]
    return torch.full((x.shape[0],), timestep, dtype=torch.long, device=x.device)


def step_down(
    model: LatentDiffusion,
    schedule: DDIMSchedule,
    x: Tensor,
    guidance: Guidance,
    index: int,
    options: StepOptions,
    t: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Take the step `index` from x (B, C, h, w), at its timestep unless `t` (B,) names another.

    Returns the next latents and the predicted clean ones.
    """
    t = timesteps_at(schedule, index, x) if t is None else t
    output = options.correct(model, guidance.output(model, x, t), x, t, guidance)
    noise = options.fresh_noise(x) if schedule.sigmas[index] else None
    return update(model, schedule, x, output, index, t=t, noise=noise)


def step_up(
    model: LatentDiffusion, schedule: DDIMSchedule, x: Tensor, guidance: Guidance, index: int
) -> tuple[Tensor, Tensor]:
    """Take step `index` backwards; returns noisier latents and the predicted clean ones.

    The model sees x at the timestep of the noisier latents, which are not known yet, and
    counts as a noise predictor there, whatever its parameterization.
    """
    t = timesteps_at(schedule, index, x)
    eps = model.predict_eps_from_output(x, t, guidance.output(model, x, t))
    alpha = schedule.alphas_prev[index]
    x0 = (x - _sqrt(1 - alpha) * eps) / _sqrt(alpha)
    return ddim_update(x0, eps, alpha=schedule.alphas[index]), x0


def update(
    model: LatentDiffusion,
    schedule: DDIMSchedule,
    x: Tensor,
    output: Tensor,
    index: int,
    *,
    t: Tensor,
    noise: Tensor | None,
) -> tuple[Tensor, Tensor]:
    """Return the next latents and the predicted clean ones, given the model's output for x at t."""
    eps = model.predict_eps_from_output(x, t, output)
    if model.parameterization == "v":
        pred_x0 = model.predict_start_from_output(x, t, output)
    else:  # from the schedule's own numbers, which is how the published sampler rounds
        noise_scale = schedule.sqrt_one_minus_alphas[index]
        pred_x0 = (x - noise_scale * eps) / _sqrt(schedule.alphas[index])
    sigma, alpha = schedule.sigmas[index], schedule.alphas_prev[index]
    return ddim_update(pred_x0, eps, alpha=alpha, sigma=sigma, noise=noise), pred_x0


def ddim_update(
    pred_x0: Tensor,
    eps: Tensor,
    *,
    alpha: float,
    sigma: float = 0.0,
    noise: Tensor | None = None,
) -> Tensor:
    """Return the latents at the noise level `alpha` (Eq. 12): towards it from either side.

    Args:
        pred_x0: clean latents.
        eps: the noise in them.
        alpha: cumulative alpha of the level to go to.
        sigma: standard deviation of the fresh noise among the level's.
        noise: unit noise, needed where sigma is not 0.
    """
    kept = max(0.0, 1 - alpha - sigma**2)  # rounding may leave a little below 0
    latents = _sqrt(alpha) * pred_x0 + _sqrt(kept) * eps
    return latents if noise is None else latents + sigma * noise


def _sqrt(value: float) -> float:
    return float(np.sqrt(np.float32(value)))
