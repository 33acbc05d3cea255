"""The image autoencoder between pixels and latents."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from ldm.modules.diffusionmodules.model import AutoencoderConfig, Decoder, Encoder
from ldm.modules.distributions.distributions import DiagonalGaussianDistribution
from ldm.unsupported import TRAINING, without
from ldm.util import as_plain, published_keys


@without(TRAINING, "training as published", "train.py")
class AutoencoderKL(nn.Module):
    """Convolutional autoencoder with a normal posterior; runs in the dtype of its weights."""

    @published_keys(
        *("lossconfig", "ignore_keys", "image_key", "monitor", "ema_decay", "learn_logvar"),
        ckpt_path=None,
        colorize_nlabels=None,
    )
    def __init__(self, ddconfig: Mapping[str, Any], *, embed_dim: int = 4) -> None:
        super().__init__()
        config = _read_ddconfig(ddconfig)
        self.encoder = Encoder(config)
        self.decoder = Decoder(config)
        self.quant_conv = nn.Conv2d(2 * config.z_channels, 2 * embed_dim, 1)
        self.post_quant_conv = nn.Conv2d(embed_dim, config.z_channels, 1)
        self.embed_dim = embed_dim
        self.config = config

    @property
    def downsample_factor(self) -> int:
        """Image pixels per latent pixel, along each axis."""
        return self.config.downsample_factor

    def forward(
        self, input: Tensor, sample_posterior: bool = True
    ) -> tuple[Tensor, DiagonalGaussianDistribution]:
        """Encode and decode an image (B, 3, H, W); returns the image and the posterior."""
        posterior = self.encode(input)
        return self.decode(posterior.sample() if sample_posterior else posterior.mode()), posterior

    def encode(self, x: Tensor) -> DiagonalGaussianDistribution:
        """Map an image (B, 3, H, W) in [-1, 1] to the posterior of (B, embed_dim, H/f, W/f).

        Raises:
            ValueError: the channels are wrong or a side is no multiple of `downsample_factor`.
        """
        _check_channels("image", x, channels=self.config.in_channels)
        height, width = x.shape[2:]
        if height % self.downsample_factor or width % self.downsample_factor:
            raise ValueError(
                f"image: got {width}x{height}, expected sides that are multiples of "
                f"{self.downsample_factor}"
            )
        x = x.to(self.quant_conv.weight.dtype)
        return DiagonalGaussianDistribution(self.quant_conv(self.encoder(x)))

    def decode(self, z: Tensor) -> Tensor:
        """Map an unscaled latent (B, embed_dim, h, w) to an image (B, 3, f*h, f*w), about [-1, 1].

        The image has the dtype of `z`.
        """
        _check_channels("z", z, channels=self.embed_dim)
        return self.decoder(self.post_quant_conv(z.to(self.quant_conv.weight.dtype))).to(z.dtype)


class IdentityFirstStage(nn.Module):
    """Stands in for an autoencoder where latents are given as they are."""

    downsample_factor = 1

    def __init__(self, vq_interface: bool = False) -> None:
        super().__init__()

    def encode(self, image: Tensor) -> Tensor:
        """Return `image`."""
        return image

    def decode(self, z: Tensor) -> Tensor:
        """Return `z`."""
        return z


def _read_ddconfig(ddconfig: Mapping[str, Any]) -> AutoencoderConfig:
    try:
        return AutoencoderConfig(**as_plain(ddconfig))
    except TypeError as error:
        raise ValueError(f"ddconfig: {error}") from error


def _check_channels(name: str, x: Tensor, *, channels: int) -> None:
    if x.ndim != 4 or x.shape[1] != channels:
        raise ValueError(f"{name}: got shape {tuple(x.shape)}, expected (B, {channels}, H, W)")
