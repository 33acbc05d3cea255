"""Noise and DDIM schedules: the published numbers and the range of steps."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from ldm.models.diffusion.ddim import DDIMSampler
from ldm.models.diffusion.ddpm import LatentDiffusion
from ldm.models.diffusion.schedule import (
    SCHEDULE_NAMES,
    DDIMOptions,
    DDIMSchedule,
    schedule_buffers,
    with_zero_terminal_snr,
)
from ldm.modules.diffusionmodules.util import (
    make_beta_schedule,
)

BETAS = make_beta_schedule("linear", 1000, linear_start=0.00085, linear_end=0.012)


class ScheduleOnly:
    """As much of a model as `make_schedule` looks at."""

    num_timesteps = 1000
    alphas_cumprod = schedule_buffers(BETAS)["alphas_cumprod"]
    ddim_options = DDIMOptions()


def test_buffers_match_the_published_ones(golden: Callable[[str], dict]) -> None:
    stored = golden("g05_schedule")
    config = stored["config"]
    betas = make_beta_schedule(
        config["beta_schedule"],
        config["timesteps"],
        linear_start=config["linear_start"],
        linear_end=config["linear_end"],
    )
    np.testing.assert_allclose(betas, stored["betas_f64"].numpy(), rtol=1e-12, atol=0)
    cumprod = np.cumprod(1 - betas)
    np.testing.assert_allclose(cumprod, stored["alphas_cumprod_f64"].numpy(), rtol=1e-12, atol=0)
    buffers = schedule_buffers(betas)
    for name in (
        "betas",
        "alphas_cumprod",
        "alphas_cumprod_prev",
        "sqrt_alphas_cumprod",
        "sqrt_one_minus_alphas_cumprod",
    ):
        torch.testing.assert_close(buffers[name], stored[f"{name}_f32"], rtol=2e-7, atol=0)


@pytest.mark.parametrize("steps", [10, 20, 50])
@pytest.mark.parametrize("eta", [0, 1])
def test_ddim_schedule_matches_the_published_one(
    golden: Callable[[str], dict], steps: int, eta: int
) -> None:
    stored = golden("g05_schedule")
    sampler = DDIMSampler(ScheduleOnly())
    sampler.make_schedule(steps, float(eta))
    assert list(sampler.ddim_timesteps) == stored[f"S{steps}_timesteps"].tolist()
    found = {
        "alphas": (sampler.ddim_alphas, 2e-7),
        "alphas_prev": (sampler.ddim_alphas_prev, 2e-7),
        "sqrt_one_minus_alphas": (sampler.ddim_sqrt_one_minus_alphas, 5e-6),
        f"eta{eta}_sigmas": (sampler.ddim_sigmas, 5e-6),
    }
    for name, (values, rtol) in found.items():
        used = name.replace(f"eta{eta}_", f"eta{eta}_used_") if "eta" in name else f"used_{name}"
        for key in (f"S{steps}_{name}", f"S{steps}_{used}"):
            np.testing.assert_allclose(values, stored[key].numpy(), rtol=rtol, atol=0)


@pytest.mark.parametrize("eta", [-0.1, 1.5, float("nan")])
def test_refuses_eta_out_of_range(eta: float) -> None:
    with pytest.raises(ValueError, match="ddim_eta"):
        DDIMSampler(ScheduleOnly()).make_schedule(10, eta)


def test_buffers_are_real_and_consistent_even_when_memory_is_not() -> None:
    with torch.device("meta"):
        buffers = schedule_buffers(BETAS)
    assert len(buffers) == 12
    assert all(b.device.type == "cpu" and b.dtype == torch.float32 for b in buffers.values())
    total = buffers["sqrt_alphas_cumprod"] ** 2 + buffers["sqrt_one_minus_alphas_cumprod"] ** 2
    torch.testing.assert_close(total, torch.ones(1000))
    # The posterior's mean of a clean image at x_0 is that image: its weights sum to about 1.
    weights = buffers["posterior_mean_coef1"] + buffers["posterior_mean_coef2"]
    assert weights[0] == pytest.approx(1)
    assert all(torch.isfinite(b).all() for b in buffers.values())


def test_published_names_of_the_persistent_buffers() -> None:
    assert set(SCHEDULE_NAMES) == {
        "betas",
        "alphas_cumprod",
        "alphas_cumprod_prev",
        "sqrt_alphas_cumprod",
        "sqrt_one_minus_alphas_cumprod",
        "log_one_minus_alphas_cumprod",
        "sqrt_recip_alphas_cumprod",
        "sqrt_recipm1_alphas_cumprod",
        "posterior_variance",
        "posterior_log_variance_clipped",
        "posterior_mean_coef1",
        "posterior_mean_coef2",
    }
    assert LatentDiffusion.depth_conditioned is False


def test_zero_terminal_snr_ends_in_noise_and_begins_as_before() -> None:
    before, after = (np.cumprod(1 - betas) for betas in (BETAS, with_zero_terminal_snr(BETAS)))
    assert after[-1] == 0
    assert after[0] == pytest.approx(before[0], rel=1e-12)
    assert (np.diff(after) < 0).all()


def test_trailing_steps_end_at_the_last_timestep() -> None:
    options = DDIMOptions(timestep_spacing="trailing", set_alpha_to_one=True)
    schedule = DDIMSchedule.of_steps(ScheduleOnly.alphas_cumprod, 10, 0.0, options)
    assert schedule.timesteps == tuple(range(99, 1000, 100))
    assert schedule.alphas_prev[0] == 1
    assert schedule.alphas_prev[1:] == schedule.alphas[:-1]


def test_leading_steps_begin_at_the_offset() -> None:
    options = DDIMOptions(steps_offset=0)
    schedule = DDIMSchedule.of_steps(ScheduleOnly.alphas_cumprod, 20, 0.0, options)
    assert schedule.timesteps == tuple(range(0, 1000, 50))
