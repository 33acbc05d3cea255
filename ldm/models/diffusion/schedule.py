"""Noise schedules: that of training, and the shorter one that DDIM walks."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ldm.modules.diffusionmodules.util import make_ddim_sampling_parameters, make_ddim_timesteps


@dataclass(frozen=True)
class DDIMOptions:
    """Which timesteps DDIM takes, and where it ends; the defaults are the published ones.

    Attributes:
        timestep_spacing: "leading" or "trailing", as in `make_ddim_timesteps`.
        steps_offset: the first timestep of "leading".
        set_alpha_to_one: whether the last step ends without noise, and not at timestep 0's.
    """

    timestep_spacing: str = "leading"
    steps_offset: int = 1
    set_alpha_to_one: bool = False


@dataclass(frozen=True)
class DDIMSchedule:
    """Timesteps and their coefficients, from the least noise to the most.

    Values are Python floats, rounded to float32 as the published ones are.
    """

    timesteps: tuple[int, ...] = ()
    alphas: tuple[float, ...] = ()
    alphas_prev: tuple[float, ...] = ()
    sigmas: tuple[float, ...] = ()
    sqrt_one_minus_alphas: tuple[float, ...] = ()

    @classmethod
    def of_steps(
        cls, alphas_cumprod: Tensor, steps: int, eta: float, options: DDIMOptions
    ) -> "DDIMSchedule":
        """Return about `steps` of a model's cumulative alphas (T,) with a share `eta` of noise."""
        timesteps = make_ddim_timesteps(
            steps,
            len(alphas_cumprod),
            timestep_spacing=options.timestep_spacing,
            steps_offset=options.steps_offset,
        )
        return cls._of(alphas_cumprod, timesteps, eta, options.set_alpha_to_one)

    @classmethod
    def of_all(cls, alphas_cumprod: Tensor, eta: float) -> "DDIMSchedule":
        """Return the schedule of all timesteps, whose last step ends without noise."""
        return cls._of(alphas_cumprod, range(len(alphas_cumprod)), eta, True)

    @classmethod
    def _of(
        cls, alphas_cumprod: Tensor, timesteps: Sequence[int], eta: float, set_alpha_to_one: bool
    ) -> "DDIMSchedule":
        cumprod = alphas_cumprod.double().cpu().numpy()
        sigmas, alphas, alphas_prev = make_ddim_sampling_parameters(
            cumprod, timesteps, eta=eta, set_alpha_to_one=set_alpha_to_one
        )
        values = (alphas, alphas_prev, sigmas, np.sqrt(1 - alphas))
        return cls(tuple(timesteps), *(tuple(v.astype(np.float32).tolist()) for v in values))

    def __len__(self) -> int:
        return len(self.timesteps)


def schedule_buffers(betas: np.ndarray, *, v_posterior: float = 0.0) -> dict[str, Tensor]:
    """Return the buffers of published checkpoints by name, each (T,) float32.

    They are computed in double precision and lie on the CPU even where the default device is
    another, so that a model built without memory has its schedule.
    """
    alphas = 1.0 - betas
    cumprod = np.cumprod(alphas)
    previous = np.append(1.0, cumprod[:-1])
    variance = (1 - v_posterior) * betas * (1 - previous) / (1 - cumprod) + v_posterior * betas
    with np.errstate(divide="ignore"):  # at zero terminal SNR the last alpha is 0
        reciprocal = 1 / cumprod
    buffers = {
        "betas": betas,
        "alphas_cumprod": cumprod,
        "alphas_cumprod_prev": previous,
        "sqrt_alphas_cumprod": np.sqrt(cumprod),
        "sqrt_one_minus_alphas_cumprod": np.sqrt(1 - cumprod),
        "log_one_minus_alphas_cumprod": np.log(1 - cumprod),
        "sqrt_recip_alphas_cumprod": np.sqrt(reciprocal),
        "sqrt_recipm1_alphas_cumprod": np.sqrt(reciprocal - 1),
        "posterior_variance": variance,
        "posterior_log_variance_clipped": np.log(np.maximum(variance, 1e-20)),
        "posterior_mean_coef1": betas * np.sqrt(previous) / (1 - cumprod),
        "posterior_mean_coef2": (1 - previous) * np.sqrt(alphas) / (1 - cumprod),
    }
    return {
        name: torch.tensor(values, dtype=torch.float32, device="cpu")
        for name, values in buffers.items()
    }


SCHEDULE_NAMES = tuple(schedule_buffers(np.array([0.5])))


def with_zero_terminal_snr(betas: np.ndarray) -> np.ndarray:
    """Rescale betas (T,) so that the last timestep is pure noise (Lin et al. 2024, Alg. 1)."""
    signal = np.sqrt(np.cumprod(1 - betas))
    signal = (signal - signal[-1]) * signal[0] / (signal[0] - signal[-1])
    cumprod = signal**2
    return 1 - cumprod / np.append(1.0, cumprod[:-1])
