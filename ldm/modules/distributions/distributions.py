"""The autoencoder's posterior."""

import torch
from torch import Tensor

LOGVAR_RANGE = (-30.0, 20.0)


class DiagonalGaussianDistribution:
    """Normal distribution with independent elements, from stacked mean and log-variance."""

    def __init__(self, parameters: Tensor) -> None:
        """Split `parameters` (B, 2C, h, w) into mean and log-variance (B, C, h, w)."""
        self.mean, logvar = parameters.chunk(2, dim=1)
        self.logvar = logvar.clamp(*LOGVAR_RANGE)

    @property
    def std(self) -> Tensor:
        """Standard deviation (B, C, h, w)."""
        return torch.exp(0.5 * self.logvar)

    def mode(self) -> Tensor:
        """Return the most likely value, the mean."""
        return self.mean

    def sample(self, generator: torch.Generator | None = None) -> Tensor:
        """Draw once; the noise comes from `generator` on the CPU."""
        noise = torch.randn(self.mean.shape, generator=generator, device="cpu")
        return self.mean + self.std * noise.to(self.mean)

    def kl(self) -> Tensor:
        """Return the divergence from the standard normal in nats (B,), summed over elements."""
        terms = self.mean.square() + self.logvar.exp() - 1.0 - self.logvar
        return 0.5 * terms.sum(dim=(1, 2, 3))
