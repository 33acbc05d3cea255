"""Noise and DDIM schedules: the published numbers and the range of steps."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ldm.models.diffusion.ddim import DDIMSampler
from ldm.models.diffusion.ddpm import LatentDiffusion, schedule_buffers
from ldm.modules.diffusionmodules.util import (
    extract_into_tensor,
    make_beta_schedule,
    make_ddim_timesteps,
    timestep_embedding,
)

BETAS = make_beta_schedule("linear", 1000, linear_start=0.00085, linear_end=0.012)


class ScheduleOnly:
    """As much of a model as `make_schedule` looks at."""

    num_timesteps = 1000
    alphas_cumprod = schedule_buffers(BETAS)["alphas_cumprod"]


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


@given(st.integers(1, 500))
def test_timesteps_follow_the_published_range(steps: int) -> None:
    expected = [step + 1 for step in range(0, 1000, 1000 // steps)]
    if expected[-1] >= 1000:
        with pytest.raises(ValueError, match="num_ddim_timesteps"):
            make_ddim_timesteps(steps, 1000)
    else:
        assert make_ddim_timesteps(steps, 1000) == expected
        assert len(expected) >= steps


@pytest.mark.parametrize("steps", [-1, 0, 3, 9, 27, 333, 501, 999, 1000, 1001])
def test_refuses_steps_that_leave_the_schedule(steps: int) -> None:
    with pytest.raises(ValueError, match=f"num_ddim_timesteps: got {steps}"):
        make_ddim_timesteps(steps, 1000)


@pytest.mark.parametrize(("steps", "count"), [(7, 8), (30, 31), (1, 1), (500, 500)])
def test_steps_that_do_not_divide_give_more(steps: int, count: int) -> None:
    assert len(make_ddim_timesteps(steps, 1000)) == count


@pytest.mark.parametrize("eta", [-0.1, 1.5, float("nan")])
def test_refuses_eta_out_of_range(eta: float) -> None:
    with pytest.raises(ValueError, match="ddim_eta"):
        DDIMSampler(ScheduleOnly()).make_schedule(10, eta)


def test_refuses_another_beta_schedule() -> None:
    with pytest.raises(ValueError, match="cosine"):
        make_beta_schedule("cosine", 1000)


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


def test_embedding_is_float32_and_tells_timesteps_apart() -> None:
    embedding = timestep_embedding(torch.arange(1000), 32)
    assert embedding.shape == (1000, 32)
    assert embedding.dtype == torch.float32
    torch.testing.assert_close(embedding[0], torch.cat([torch.ones(16), torch.zeros(16)]))
    torch.testing.assert_close(embedding.square().sum(1), torch.full((1000,), 16.0))
    assert torch.cdist(embedding, embedding).fill_diagonal_(1).min() > 1e-3
    assert timestep_embedding(torch.tensor([5]), 7).shape == (1, 7)


def test_extract_gathers_per_sample() -> None:
    values = torch.arange(10.0)
    found = extract_into_tensor(values, torch.tensor([3, 7]), ndim=4)
    assert found.shape == (2, 1, 1, 1)
    assert found.flatten().tolist() == [3, 7]


def test_published_names_of_the_persistent_buffers() -> None:
    assert set(schedule_buffers(BETAS)) == {
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
