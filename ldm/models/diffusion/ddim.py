"""DDIM sampling and its inversion (Song et al. 2021), by eps or v prediction."""

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from ldm.models.diffusion.ddim_step import (
    StepOptions,
    draw_noise,
    kept_by_mask,
    noised,
    step_down,
    step_up,
    timesteps_at,
    update,
    walk,
)
from ldm.models.diffusion.ddpm import Conditioning, LatentDiffusion
from ldm.models.diffusion.guidance import Guidance
from ldm.models.diffusion.schedule import DDIMSchedule
from ldm.util import published_keys, require


class DDIMSampler:
    """Walks a model along a shortened schedule.

    The schedules are the only state: calls do not influence each other. An `index` counts the
    steps of a schedule from the least noise, 0, so sampling counts it down. With
    `use_original_steps` they are the model's own, one for each of its timesteps.
    """

    ddim_timesteps: tuple[int, ...] = ()
    ddim_alphas: tuple[float, ...] = ()
    ddim_alphas_prev: tuple[float, ...] = ()
    ddim_sigmas: tuple[float, ...] = ()
    ddim_sqrt_one_minus_alphas: tuple[float, ...] = ()

    def __init__(
        self, model: LatentDiffusion, schedule: str = "linear", device: torch.device | None = None
    ) -> None:
        """Sample from `model`, which decides on schedule and device: the others are ignored."""
        self.model = model
        self.ddpm_num_timesteps = model.num_timesteps
        self.schedule = DDIMSchedule()
        self.original_schedule = DDIMSchedule()

    @published_keys("verbose", ddim_discretize="uniform")
    def make_schedule(self, ddim_num_steps: int, ddim_eta: float = 0.0) -> None:
        """Choose the timesteps and their coefficients.

        Args:
            ddim_num_steps: S; where it does not divide the model's 1000 there are more than S.
            ddim_eta: share of fresh noise per step: 0 is deterministic, 1 is DDPM's.

        Raises:
            ValueError: S or eta is out of range (see `make_ddim_timesteps`).
        """
        if not 0 <= ddim_eta <= 1:
            raise ValueError(f"ddim_eta: got {ddim_eta}, expected 0 to 1")
        alphas, options = self.model.alphas_cumprod, self.model.ddim_options
        self.schedule = DDIMSchedule.of_steps(alphas, ddim_num_steps, ddim_eta, options)
        self.original_schedule = DDIMSchedule.of_all(alphas, ddim_eta)
        for name, values in vars(self.schedule).items():
            setattr(self, f"ddim_{name}", values)

    @published_keys("verbose", "normals_sequence", quantize_x0=False)
    def sample(
        self,
        S: int,
        batch_size: int,
        shape: Sequence[int],
        conditioning: Conditioning,
        *,
        eta: float = 0.0,
        **options: Any,
    ) -> tuple[Tensor, dict[str, list[Tensor]]]:
        """Make a schedule of S steps, with `eta` as in `make_schedule`, and denoise pure noise.

        `conditioning` is that of `batch_size` samples, `shape` (C, h, w) that of one; `options` and
        results are those of `ddim_sampling`.
        """
        self.make_schedule(S, ddim_eta=eta)
        return self.ddim_sampling(conditioning, (batch_size, *shape), **options)

    @torch.no_grad()
    @published_keys(timesteps=None)
    def ddim_sampling(
        self,
        cond: Conditioning,
        shape: Sequence[int],
        *,
        x_T: Tensor | None = None,
        ddim_use_original_steps: bool = False,
        mask: Tensor | None = None,
        x0: Tensor | None = None,
        unconditional_guidance_scale: float = 1.0,
        unconditional_conditioning: Conditioning | None = None,
        ucg_schedule: Sequence[float] | None = None,
        log_every_t: int = 100,
        callback: Callable[[int], None] | None = None,
        img_callback: Callable[[Tensor, int], None] | None = None,
        **options: Any,
    ) -> tuple[Tensor, dict[str, list[Tensor]]]:
        """Denoise from pure noise along the schedule that there is.

        Args:
            cond: of the B samples.
            shape: (B, C, h, w) of all of them.
            x_T: start noise (B, C, h, w); drawn if None.
            ddim_use_original_steps: take every timestep of the model.
            mask: broadcast to (B, C, h, w); where it is 1, latents are kept to those of `x0`.
            x0: clean latents (B, C, h, w) for `mask`.
            unconditional_guidance_scale: classifier-free guidance; 1 switches it off.
            unconditional_conditioning: what guidance leads away from; None switches it off.
            ucg_schedule: a guidance scale for each step, in the order of sampling.
            log_every_t: keep the steps whose index is a multiple of this.
            callback: called with the number of each finished step, from 0.
            img_callback: called with each step's `pred_x0` and number.
            **options: the fields of `StepOptions`.

        Returns:
            Latents (B, C, h, w); `x_inter` and `pred_x0` of x_T and of the steps that were kept.
        """
        schedule = self._schedule_with("shape", 0, ddim_use_original_steps)
        how, total = StepOptions(**options), len(schedule)
        scales = [unconditional_guidance_scale] * total if ucg_schedule is None else ucg_schedule
        require("number of scales in ucg_schedule", len(scales), total)
        led = [Guidance(cond, scale, unconditional_conditioning) for scale in scales][::-1]
        masked = kept_by_mask(schedule, mask, x0, how.generator)

        def step(x: Tensor, index: int) -> tuple[Tensor, Tensor]:
            return step_down(self.model, schedule, masked(x, index), led[index], index, how)

        x = self._start(x_T, tuple(shape), how.generator)
        kept = {"x_inter": [x], "pred_x0": [x]}
        for number, (latents, pred_x0) in enumerate(walk(x, range(total)[::-1], step, callback)):
            if img_callback is not None:
                img_callback(pred_x0, number)
            if (total - 1 - number) % log_every_t == 0 or number == 0:
                kept["x_inter"].append(latents)
                kept["pred_x0"].append(pred_x0)
        return latents, kept

    @torch.no_grad()
    def decode(
        self,
        x_latent: Tensor,
        cond: Conditioning,
        t_start: int,
        *,
        unconditional_guidance_scale: float = 1.0,
        unconditional_conditioning: Conditioning | None = None,
        use_original_steps: bool = False,
        callback: Callable[[int], None] | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Denoise `x_latent` (B, C, h, w) through the last `t_start` steps of the schedule.

        `x_latent` has the noise of step `t_start` - 1. Other arguments as in `sample`.
        """
        schedule = self._schedule_with("t_start", t_start, use_original_steps)
        guidance = Guidance(cond, unconditional_guidance_scale, unconditional_conditioning)
        how = StepOptions(generator=generator)

        def step(x: Tensor, index: int) -> tuple[Tensor, Tensor]:
            return step_down(self.model, schedule, x, guidance, index, how)

        end = deque(walk(x_latent, range(t_start)[::-1], step, callback), maxlen=1)
        return end[0][0] if end else x_latent

    @torch.no_grad()
    def encode(
        self,
        x0: Tensor,
        c: Conditioning,
        t_enc: int,
        *,
        use_original_steps: bool = False,
        return_intermediates: bool | int | None = None,
        unconditional_guidance_scale: float = 1.0,
        unconditional_conditioning: Conditioning | None = None,
        callback: Callable[[int], None] | None = None,
    ) -> tuple[Tensor, dict[str, Any]]:
        """Invert DDIM: the noise that `decode` would turn into the latents x0 (B, C, h, w).

        Returns:
            The latents after `t_enc` steps, and a dictionary: those as `x_encoded`, and of the
            steps numbered in `intermediate_steps` the latents in `intermediates`. With
            `return_intermediates` True those are all steps, with a number n about n of them.
        """
        schedule = self._schedule_with("t_enc", t_enc, use_original_steps)
        guidance = Guidance(c, unconditional_guidance_scale, unconditional_conditioning)
        count = t_enc if return_intermediates is True else min(return_intermediates or 0, t_enc)

        def step(x: Tensor, index: int) -> tuple[Tensor, Tensor]:
            return step_up(self.model, schedule, x, guidance, index)

        path = [x for x, _ in walk(x0, range(t_enc), step, callback)]
        numbers = []
        if count:
            numbers = sorted({*range(0, t_enc, t_enc // count), *range(t_enc)[-2:]})
        end = path[-1] if path else x0
        kept = {"intermediates": [path[n] for n in numbers], "intermediate_steps": numbers}
        return end, {"x_encoded": end, **kept}

    @torch.no_grad()
    def stochastic_encode(
        self,
        x0: Tensor,
        t: int | Tensor,
        *,
        use_original_steps: bool = False,
        noise: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Return x0 (B, C, h, w) with as much noise as before the step of index `t`, one or (B,).

        `noise` is drawn from `generator` if None.
        """
        schedule = self._schedule(use_original_steps)
        indices = torch.as_tensor(t, device="cpu").reshape(-1)
        if not 0 <= int(indices.min()) <= int(indices.max()) < len(schedule):
            raise ValueError(f"t: got {t}, expected indices below {len(schedule)}")
        noise = draw_noise(x0, generator) if noise is None else noise
        return noised(schedule, x0, indices, noise)

    @torch.no_grad()
    def p_sample_ddim(
        self,
        x: Tensor,
        c: Conditioning,
        t: Tensor,
        index: int,
        *,
        use_original_steps: bool = False,
        unconditional_guidance_scale: float = 1.0,
        unconditional_conditioning: Conditioning | None = None,
        **options: Any,
    ) -> tuple[Tensor, Tensor]:
        """Take the step `index` from x (B, C, h, w), which lies at timesteps t (B,).

        Guidance runs one batch of 2B, unconditional first. Nothing is remembered. `options` are
        the fields of `StepOptions`.

        Returns:
            (x_prev, pred_x0), each (B, C, h, w).
        """
        guidance = Guidance(c, unconditional_guidance_scale, unconditional_conditioning)
        schedule = self._schedule(use_original_steps)
        return step_down(self.model, schedule, x, guidance, index, StepOptions(**options), t)

    def output(self, x: Tensor, c: Conditioning, index: int) -> Tensor:
        """Return the model's output for x (B, C, h, w) at step `index`, without guidance."""
        return self.model.apply_model(x, self.timesteps_at(index, x), c)

    def update(
        self, x: Tensor, output: Tensor, index: int, *, noise: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return (x_prev, pred_x0) of step `index`, given the model's output for x.

        With eta > 0 it adds `noise`, unit noise of x's shape.
        """
        t = self.timesteps_at(index, x)
        return update(self.model, self.schedule, x, output, index, t=t, noise=noise)

    def encode_step(self, x: Tensor, c: Conditioning, index: int) -> Tensor:
        """Return the latents one step noisier than x, those that step `index` starts from."""
        return step_up(self.model, self.schedule, x, Guidance(c), index)[0]

    def timesteps_at(self, index: int, x: Tensor) -> Tensor:
        """Return the timestep of step `index` for each sample of x, (B,) on its device."""
        return timesteps_at(self.schedule, index, x)

    def _schedule(self, use_original_steps: bool) -> DDIMSchedule:
        return self.original_schedule if use_original_steps else self.schedule

    def _schedule_with(self, name: str, steps: int, use_original_steps: bool) -> DDIMSchedule:
        schedule = self._schedule(use_original_steps)
        if not schedule.timesteps:
            raise ValueError("ddim_num_steps: there is no schedule yet, call make_schedule first")
        if not 0 <= steps <= len(schedule):
            raise ValueError(
                f"{name}: got {steps}, expected 0 to {len(schedule)}, the schedule's steps"
            )
        return schedule

    def _start(
        self, x_T: Tensor | None, shape: tuple[int, ...], generator: torch.Generator | None
    ) -> Tensor:
        if x_T is None:
            x_T = torch.randn(shape, generator=generator)
        if x_T.shape != shape:
            raise ValueError(f"x_T: got shape {tuple(x_T.shape)}, expected {shape}")
        return x_T.to(self.model.device)
