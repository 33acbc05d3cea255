"""The autoencoder's posterior."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

LOGVAR_RANGE = (-30.0, 20.0)
LOG_2PI = math.log(2 * math.pi)


class DiagonalGaussianDistribution:
    """Normal distribution with independent elements, from stacked mean and log-variance."""

    def __init__(self, parameters: Tensor, deterministic: bool = False) -> None:
        """Split `parameters` (B, 2C, h, w) into mean and log-variance (B, C, h, w).

        A `deterministic` one draws its mean.
        """
        self.parameters, self.deterministic = parameters, deterministic
        self.mean, logvar = parameters.chunk(2, dim=1)
        self.logvar = logvar.clamp(*LOGVAR_RANGE)

    @property
    def std(self) -> Tensor:
        """Standard deviation (B, C, h, w)."""
        return torch.zeros_like(self.mean) if self.deterministic else torch.exp(0.5 * self.logvar)

    @property
    def var(self) -> Tensor:
        """Variance (B, C, h, w)."""
        return self.std.square()

    def mode(self) -> Tensor:
        """Return the most likely value, the mean."""
        return self.mean

    def sample(self, generator: torch.Generator | None = None) -> Tensor:
        """Draw once; the noise comes from `generator` on the CPU."""
        noise = torch.randn(self.mean.shape, generator=generator, device="cpu")
        return self.mean + self.std * noise.to(self.mean)

    def kl(self, other: "DiagonalGaussianDistribution | None" = None) -> Tensor:
        """Return the divergence from `other` in nats (B,), summed over elements.

        None stands for the standard normal.
        """
        if self.deterministic:
            return self.mean.new_zeros(len(self.mean))
        if other is None:
            terms = self.mean.square() + self.logvar.exp() - 1.0 - self.logvar
        else:
            spread = (self.mean - other.mean).square() + self.logvar.exp()
            terms = spread / other.logvar.exp() - 1.0 - self.logvar + other.logvar
        return 0.5 * terms.sum(dim=(1, 2, 3))

    def nll(self, sample: Tensor, dims: Sequence[int] = (1, 2, 3)) -> Tensor:
        """Return the negative log-likelihood of a sample (B, C, h, w) in nats, summed over dims."""
        if self.deterministic:
            return self.mean.new_zeros(len(self.mean))
        terms = LOG_2PI + self.logvar + (sample - self.mean).square() / self.logvar.exp()
        return 0.5 * terms.sum(dim=tuple(dims))
