"""DDIM sampling and its inversion (Song et al. 2021), by eps or v prediction."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from ldm.models.diffusion.ddpm import Conditioning, LatentDiffusion
from ldm.models.diffusion.guidance import Guidance
from ldm.modules.diffusionmodules.util import (
    make_ddim_sampling_parameters,
    make_ddim_timesteps,
)


class DDIMSampler:
    """Walks a model along a shortened schedule.

    The schedule is the only state: calls do not influence each other. An `index` counts the
    steps of the schedule from the least noise, 0, so sampling counts it down. Schedule values are
    Python floats, rounded to float32 as the published ones are.
    """

    ddim_timesteps: tuple[int, ...] = ()
    ddim_alphas: tuple[float, ...] = ()
    ddim_alphas_prev: tuple[float, ...] = ()
    ddim_sigmas: tuple[float, ...] = ()
    ddim_sqrt_one_minus_alphas: tuple[float, ...] = ()

    def __init__(self, model: LatentDiffusion) -> None:
        self.model = model

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
        timesteps = make_ddim_timesteps(ddim_num_steps, self.model.num_timesteps)
        sigmas, alphas, alphas_prev = make_ddim_sampling_parameters(
            self.model.alphas_cumprod.double().cpu().numpy(), timesteps, eta=ddim_eta
        )
        self.ddim_timesteps = tuple(timesteps)
        self.ddim_alphas = _as_float32(alphas)
        self.ddim_alphas_prev = _as_float32(alphas_prev)
        self.ddim_sigmas = _as_float32(sigmas)
        self.ddim_sqrt_one_minus_alphas = _as_float32(np.sqrt(1 - alphas))

    @torch.no_grad()
    def sample(
        self,
        S: int,
        batch_size: int,
        shape: Sequence[int],
        conditioning: Conditioning,
        *,
        eta: float = 0.0,
        x_T: Tensor | None = None,
        unconditional_guidance_scale: float = 1.0,
        unconditional_conditioning: Conditioning | None = None,
        log_every_t: int = 100,
        callback: Callable[[int], None] | None = None,
        img_callback: Callable[[Tensor, int], None] | None = None,
        generator: torch.Generator | None = None,
    ) -> tuple[Tensor, dict[str, list[Tensor]]]:
        """Denoise from pure noise; makes the schedule first.

        Args:
            S: steps of the schedule.
            batch_size: samples, B.
            shape: (C, h, w) of one sample.
            conditioning: of the B samples.
            eta: as in `make_schedule`.
            x_T: start noise (B, C, h, w); drawn from `generator` if None.
            unconditional_guidance_scale: classifier-free guidance; 1 switches it off.
            unconditional_conditioning: what guidance leads away from; None switches it off.
            log_every_t: keep the steps whose index is a multiple of this.
            callback: told the number of each step done, from 0.
            img_callback: told each step's `pred_x0` and number.
            generator: for the noise, on the CPU.

        Returns:
            Latents (B, C, h, w), and `x_inter` and `pred_x0`: lists that begin with x_T and hold
            the first step and those of `log_every_t`.
        """
        self.make_schedule(S, eta)
        start = self._start(x_T, (batch_size, *shape), generator)
        kept = {"x_inter": [start], "pred_x0": [start]}
        guidance = Guidance(conditioning, unconditional_guidance_scale, unconditional_conditioning)
        samples, total = start, len(self.ddim_timesteps)
        for index in reversed(range(total)):
            samples, pred_x0 = self._step(samples, guidance, index, generator)
            number = total - 1 - index
            if callback is not None:
                callback(number)
            if img_callback is not None:
                img_callback(pred_x0, number)
            if index % log_every_t == 0 or number == 0:
                kept["x_inter"].append(samples)
                kept["pred_x0"].append(pred_x0)
        return samples, kept

    @torch.no_grad()
    def decode(
        self,
        x_latent: Tensor,
        cond: Conditioning,
        t_start: int,
        *,
        unconditional_guidance_scale: float = 1.0,
        unconditional_conditioning: Conditioning | None = None,
        callback: Callable[[int], None] | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Denoise `x_latent` (B, C, h, w) through the last `t_start` steps of the schedule.

        `x_latent` has the noise of step `t_start` - 1. Other arguments as in `sample`.
        """
        self._check_count("t_start", t_start)
        guidance = Guidance(cond, unconditional_guidance_scale, unconditional_conditioning)
        for index in reversed(range(t_start)):
            x_latent, _ = self._step(x_latent, guidance, index, generator)
            if callback is not None:
                callback(t_start - 1 - index)
        return x_latent

    @torch.no_grad()
    def encode(
        self,
        x0: Tensor,
        c: Conditioning,
        t_enc: int,
        *,
        return_intermediates: bool = False,
        unconditional_guidance_scale: float = 1.0,
        unconditional_conditioning: Conditioning | None = None,
        callback: Callable[[int], None] | None = None,
    ) -> tuple[Tensor, dict[str, list[Tensor]]]:
        """Invert DDIM: the noise that `decode` would turn into the latents x0 (B, C, h, w).

        Returns:
            The latents after `t_enc` steps, and `intermediates`: those after every step, if asked.
        """
        self._check_count("t_enc", t_enc)
        guidance = Guidance(c, unconditional_guidance_scale, unconditional_conditioning)
        intermediates = []
        for index in range(t_enc):
            x0 = self._step_back(x0, guidance, index)
            if return_intermediates:
                intermediates.append(x0)
            if callback is not None:
                callback(index)
        return x0, {"intermediates": intermediates}

    def stochastic_encode(
        self,
        x0: Tensor,
        t: int | Tensor,
        *,
        noise: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Return x0 (B, C, h, w) with as much noise as before the step of index `t`, one or (B,).

        `noise` is drawn from `generator` if None.
        """
        indices = torch.as_tensor(t, device="cpu").reshape(-1)
        if not 0 <= int(indices.min()) <= int(indices.max()) < len(self.ddim_timesteps):
            raise ValueError(f"t: got {t}, expected indices below {len(self.ddim_timesteps)}")
        if noise is None:
            noise = _draw(x0, generator)
        alphas = torch.tensor(self.ddim_alphas)[indices].to(x0.device).reshape(-1, 1, 1, 1)
        return (alphas.sqrt() * x0 + (1 - alphas).sqrt() * noise).to(x0.dtype)

    @torch.no_grad()
    def p_sample_ddim(
        self,
        x: Tensor,
        c: Conditioning,
        t: Tensor,
        index: int,
        *,
        unconditional_guidance_scale: float = 1.0,
        unconditional_conditioning: Conditioning | None = None,
        generator: torch.Generator | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Take the step `index` from x (B, C, h, w), which lies at timesteps t (B,).

        Guidance runs one batch of 2B, unconditional first. Nothing is remembered.

        Returns:
            (x_prev, pred_x0), each (B, C, h, w).
        """
        guidance = Guidance(c, unconditional_guidance_scale, unconditional_conditioning)
        output = guidance.output(self.model, x, t)
        return self._update(x, output, t, index, self._noise(x, index, generator))

    def output(self, x: Tensor, c: Conditioning, index: int) -> Tensor:
        """Return the model's output for x (B, C, h, w) at step `index`, without guidance."""
        return self.model.apply_model(x, self.timesteps_at(index, x), c)

    def update(
        self, x: Tensor, output: Tensor, index: int, *, noise: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return (x_prev, pred_x0) of step `index`, given the model's output for x.

        With eta > 0 it adds `noise`, unit noise of x's shape.
        """
        return self._update(x, output, self.timesteps_at(index, x), index, noise)

    def encode_step(self, x: Tensor, c: Conditioning, index: int) -> Tensor:
        """Return the latents one step noisier than x, those that step `index` starts from."""
        return self._step_back(x, Guidance(c), index)

    def timesteps_at(self, index: int, x: Tensor) -> Tensor:
        """Return the timestep of step `index` for each sample of x, (B,) on its device."""
        timestep = self.ddim_timesteps[index]
        return torch.full((x.shape[0],), timestep, dtype=torch.long, device=x.device)

    def _update(
        self,
        x: Tensor,
        output: Tensor,
        t: Tensor,
        index: int,
        noise: Tensor | None,
    ) -> tuple[Tensor, Tensor]:
        eps = self.model.predict_eps_from_output(x, t, output)
        if self.model.parameterization == "v":
            pred_x0 = self.model.predict_start_from_output(x, t, output)
        else:  # from the schedule's own numbers, which is how the published sampler rounds
            noise_scale = self.ddim_sqrt_one_minus_alphas[index]
            pred_x0 = (x - noise_scale * eps) / _sqrt(self.ddim_alphas[index])
        sigma = self.ddim_sigmas[index]
        alpha = self.ddim_alphas_prev[index]
        return ddim_update(pred_x0, eps, alpha=alpha, sigma=sigma, noise=noise), pred_x0

    def _step(
        self, x: Tensor, guidance: Guidance, index: int, generator: torch.Generator | None
    ) -> tuple[Tensor, Tensor]:
        t = self.timesteps_at(index, x)
        output = guidance.output(self.model, x, t)
        return self._update(x, output, t, index, self._noise(x, index, generator))

    def _noise(self, x: Tensor, index: int, generator: torch.Generator | None) -> Tensor | None:
        return _draw(x, generator) if self.ddim_sigmas[index] else None

    def _step_back(self, x: Tensor, guidance: Guidance, index: int) -> Tensor:
        """Take step `index` backwards.

        The model sees x at the timestep of the noisier latents, which are not known yet, and
        counts as a noise predictor there, whatever its parameterization.
        """
        t = self.timesteps_at(index, x)
        eps = self.model.predict_eps_from_output(x, t, guidance.output(self.model, x, t))
        alpha = self.ddim_alphas_prev[index]
        x0 = (x - _sqrt(1 - alpha) * eps) / _sqrt(alpha)
        return ddim_update(x0, eps, alpha=self.ddim_alphas[index])

    def _start(
        self, x_T: Tensor | None, shape: tuple[int, ...], generator: torch.Generator | None
    ) -> Tensor:
        if x_T is None:
            x_T = torch.randn(shape, generator=generator)
        if x_T.shape != shape:
            raise ValueError(f"x_T: got shape {tuple(x_T.shape)}, expected {shape}")
        return x_T.to(self.model.device)

    def _check_count(self, name: str, steps: int) -> None:
        total = len(self.ddim_timesteps)
        if not total:
            raise ValueError("ddim_num_steps: there is no schedule yet, call make_schedule first")
        if not 0 <= steps <= total:
            raise ValueError(f"{name}: got {steps}, expected 0 to {total}, the schedule's steps")


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


def _draw(like: Tensor, generator: torch.Generator | None) -> Tensor:
    return torch.randn(like.shape, generator=generator).to(like)


def _sqrt(value: float) -> float:
    return float(np.sqrt(np.float32(value)))


def _as_float32(values: np.ndarray) -> tuple[float, ...]:
    return tuple(values.astype(np.float32).tolist())
