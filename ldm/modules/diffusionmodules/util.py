"""Noise schedule, DDIM schedule and timestep embedding: small functions of numbers."""

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from ldm.util import published_keys


@published_keys("cosine_s")
def make_beta_schedule(
    schedule: str, n_timestep: int, *, linear_start: float = 1e-4, linear_end: float = 2e-2
) -> np.ndarray:
    """Return the noise added per step, (n_timestep,) float64.

    The published name "linear" means linear in the square root, "sqrt_linear" linear in itself.
    """
    if schedule == "linear":
        root = np.linspace(linear_start**0.5, linear_end**0.5, n_timestep, dtype=np.float64)
        return root**2
    if schedule == "sqrt_linear":
        return np.linspace(linear_start, linear_end, n_timestep, dtype=np.float64)
    raise ValueError(f"schedule: got {schedule!r}, expected 'linear' or 'sqrt_linear'")


@published_keys("verbose", ddim_discr_method="uniform")
def make_ddim_timesteps(
    num_ddim_timesteps: int,
    num_ddpm_timesteps: int,
    *,
    timestep_spacing: str = "leading",
    steps_offset: int = 1,
) -> list[int]:
    """Return the timesteps of a shortened schedule, ascending.

    "leading" ones are `range(0, T, T // S) + steps_offset`. Where S does not divide T there are
    more than S of them (S=7 gives 8 of 1000, S=30 gives 31), and for some S (3, 9, all above T/2,
    ...) the last one would be T itself, which the model was never trained at. "trailing" ones are
    S that end at T - 1, as models with zero terminal SNR need.

    Raises:
        ValueError: S is below 1 or above T, or a timestep would reach T.
    """
    if not 1 <= num_ddim_timesteps <= num_ddpm_timesteps:
        raise ValueError(
            f"num_ddim_timesteps: got {num_ddim_timesteps}, expected 1 to {num_ddpm_timesteps}"
        )
    if timestep_spacing == "trailing":
        ends = np.arange(num_ddim_timesteps, dtype=np.float64) + 1
        return [round(end) - 1 for end in ends * (num_ddpm_timesteps / num_ddim_timesteps)]
    stride = num_ddpm_timesteps // num_ddim_timesteps
    timesteps = [step + steps_offset for step in range(0, num_ddpm_timesteps, stride)]
    if timesteps[-1] >= num_ddpm_timesteps:
        raise ValueError(
            f"num_ddim_timesteps: got {num_ddim_timesteps}, whose steps of {stride} reach timestep "
            f"{timesteps[-1]}; expected a number whose timesteps stay below {num_ddpm_timesteps}, "
            "such as 10, 20, 25, 40, 50, 100"
        )
    return timesteps


@published_keys("verbose")
def make_ddim_sampling_parameters(
    alphacums: np.ndarray,
    ddim_timesteps: Sequence[int],
    *,
    eta: float,
    set_alpha_to_one: bool = False,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return (sigmas, alphas, alphas_prev) of the steps, each (S,) (Song et al. 2021, Eq. 16).

    The step before the first one is timestep 0, whose alpha is not 1 unless `set_alpha_to_one`.
    """
    steps = np.asarray(ddim_timesteps)
    alphas = alphacums[steps]
    first = 1.0 if set_alpha_to_one else alphacums[0]
    alphas_prev = np.append(first, alphacums[steps[:-1]])
    variance = (1 - alphas_prev) / (1 - alphas) * (1 - alphas / alphas_prev)
    return eta * np.sqrt(variance), alphas, alphas_prev


def extract_into_tensor(a: Tensor, t: Tensor, x_shape: Sequence[int]) -> Tensor:
    """Gather `a` (T,) at `t` (B,), shaped (B, 1, ...) with as many dimensions as `x_shape`."""
    return a[t].reshape(-1, *[1] * (len(x_shape) - 1))


def noise_like(shape: Sequence[int], device: torch.device | str, repeat: bool = False) -> Tensor:
    """Draw unit noise on the CPU, the same for all samples with `repeat`."""
    noise = torch.randn(1, *shape[1:]) if repeat else torch.randn(*shape)
    return noise.to(device).repeat(shape[0] // len(noise), *[1] * (len(shape) - 1))


@published_keys(repeat_only=False)
def timestep_embedding(timesteps: Tensor, dim: int, *, max_period: float = 10000.0) -> Tensor:
    """Return sinusoids of `timesteps` (B,) as (B, dim) float32, cosines first."""
    half = dim // 2
    positions = torch.arange(half, dtype=torch.float32, device=timesteps.device)
    frequencies = torch.exp(-math.log(max_period) * positions / half)
    angles = timesteps[:, None].float() * frequencies
    embedding = torch.cat([angles.cos(), angles.sin()], dim=-1)
    return torch.nn.functional.pad(embedding, (0, dim % 2))
