"""The autoencoder's posterior."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ldm.modules.distributions.distributions import DiagonalGaussianDistribution


def posterior_of(mean: float, logvar: float, size: int = 1) -> DiagonalGaussianDistribution:
    parameters = torch.tensor([mean, logvar]).reshape(1, 2, 1, 1).expand(1, 2, size, size)
    return DiagonalGaussianDistribution(parameters)


@given(st.floats(-5, 5), st.floats(-5, 5))
def test_divergence_is_the_closed_form(mean: float, logvar: float) -> None:
    found = posterior_of(mean, logvar).kl()
    normal = torch.distributions.Normal
    exact = torch.distributions.kl_divergence(
        normal(torch.tensor(mean), torch.tensor(logvar / 2).exp()), normal(0.0, 1.0)
    )
    torch.testing.assert_close(found, exact.reshape(1), atol=1e-4, rtol=1e-4)


def test_draws_have_the_mean_and_spread_and_follow_the_generator() -> None:
    posterior = posterior_of(3.0, -2.0, size=200)
    draws = [posterior.sample(torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)]
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])
    assert draws[0].mean() == pytest.approx(3.0, abs=0.01)
    assert draws[0].std().item() == pytest.approx(posterior.std[0, 0, 0, 0].item(), rel=0.02)
    assert torch.equal(posterior.mode(), posterior.mean)


def test_log_variance_is_clamped() -> None:
    assert posterior_of(0.0, 99.0).logvar.item() == 20
    assert posterior_of(0.0, -99.0).logvar.item() == -30
