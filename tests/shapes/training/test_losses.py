"""Losses, schedule, averages and norms by hand."""

import pytest
import torch

from shapes.training import losses


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
