"""Losses, schedule, averages and norms by hand."""

import math

import numpy as np
import pytest
import torch
from timm.layers import GroupNormAct

from shapes.training import fast_norm, losses, report
from shapes.training.ema import WeightAverage
from shapes.training.loop import learning_rate


def test_gradient_loss_by_hand() -> None:
    ramp = torch.tensor([[0.0, 1.0], [2.0, 3.0]])  # 1 along x, 2 along y
    assert losses.gradient_loss(ramp, torch.zeros(2, 2)) == pytest.approx((1 + 2) / 2)
    assert losses.gradient_loss(ramp + 7, ramp) == 0


def test_reconstruction_loss_by_hand() -> None:
    black, grey = torch.zeros(1, 3, 8, 8), torch.full((1, 3, 8, 8), 0.25)
    # 0.25 at full size and at an eighth of it; no gradient in either.
    assert losses.reconstruction_loss(black, grey, gradient_weight=9.0) == pytest.approx(0.5)


def test_standardise_by_hand() -> None:
    found = losses.standardise(torch.tensor([[[1.0, 2.0, 6.0]]]))  # median 2, deviation 5 / 3
    torch.testing.assert_close(found, torch.tensor([[[-0.6, 0.0, 2.4]]]), atol=1e-5, rtol=0)


def test_disparity_loss_ignores_scale_and_shift() -> None:
    true = torch.rand(2, 16, 16, generator=torch.Generator().manual_seed(1))
    assert losses.disparity_loss(3 * true + 5, true) < 1e-4
    assert losses.disparity_loss(-true, true) > 1
    assert losses.disparity_loss(torch.zeros_like(true), true).isfinite()


def test_learning_rate_warms_up_and_ends_at_zero() -> None:
    assert learning_rate(0, 0.0, peak=1.0, warmup=10) == pytest.approx(0.1)
    assert learning_rate(50, 0.5, peak=1.0, warmup=10) == pytest.approx(0.5)
    assert learning_rate(99, 1.0, peak=1.0, warmup=10) == pytest.approx(0.0)


def test_average_is_applied_and_taken_back() -> None:
    layer = torch.nn.Linear(1, 1, bias=False)
    layer.weight.data.fill_(1.0)
    average = WeightAverage(layer, decay=0.5)
    layer.weight.data.fill_(3.0)
    average.update()  # decay min(0.5, 2 / 11)
    with average.applied():
        assert layer.weight.item() == pytest.approx(1 + 2 * 9 / 11)
    assert layer.weight.item() == 3.0


def test_fast_norm_keeps_the_activation_that_a_norm_does() -> None:
    layer = GroupNormAct(8, num_groups=2)
    x = torch.randn(2, 8, 3, 3)
    wanted = layer(x)
    fast_norm.use_fast_norms(layer)
    torch.testing.assert_close(layer(x), wanted)
    assert (wanted == 0).any() and (wanted >= 0).all()


@pytest.mark.parametrize("groups", [1, 2, 8])
def test_fast_norm_has_the_gradients_of_the_slow_one(groups: int) -> None:
    generator = torch.Generator().manual_seed(groups)
    x, grad = torch.randn(2, 2, 8, 5, 6, generator=generator)
    weight, bias = torch.randn(2, 8, generator=generator)
    inputs = [value.requires_grad_() for value in (x, weight, bias)]
    norms = (
        torch.nn.functional.group_norm(x, groups, weight, bias, 1e-6),
        fast_norm._GroupNorm.apply(x, weight, bias, groups, 1e-6),
    )
    slow, fast = (torch.autograd.grad(out, inputs, grad) for out in norms)
    torch.testing.assert_close(norms[1], norms[0])
    for ours, theirs in zip(fast, slow, strict=True):
        torch.testing.assert_close(ours, theirs, atol=2e-5, rtol=1e-4)


def test_rank_correlation_by_hand() -> None:
    values = np.array([1.0, 2.0, 3.0, 4.0])
    assert report.rank_correlation(values, values**3) == pytest.approx(1.0)
    # Ranks 1 2.5 2.5 4 against 1 2 3 4.
    tied = report.rank_correlation(np.array([0.0, 5.0, 5.0, 9.0]), values)
    assert tied == pytest.approx(4.5 / math.sqrt(4.5 * 5))
