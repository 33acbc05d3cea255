"""Timesteps, betas and embeddings: small functions of numbers."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ldm.modules.diffusionmodules.util import (
    extract_into_tensor,
    make_beta_schedule,
    make_ddim_timesteps,
    timestep_embedding,
)


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


def test_refuses_another_beta_schedule() -> None:
    with pytest.raises(ValueError, match="cosine"):
        make_beta_schedule("cosine", 1000)


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
    found = extract_into_tensor(values, torch.tensor([3, 7]), (2, 4, 8, 8))
    assert found.shape == (2, 1, 1, 1)
    assert found.flatten().tolist() == [3, 7]


def test_betas_linear_in_themselves() -> None:
    betas = make_beta_schedule("sqrt_linear", 5, linear_start=0.1, linear_end=0.5)
    assert betas.tolist() == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5])
