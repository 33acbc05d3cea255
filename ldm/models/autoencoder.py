"""The image autoencoder between pixels and latents."""

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from ldm.modules.diffusionmodules.model import AutoencoderConfig, Decoder, Encoder
from ldm.modules.distributions.distributions import DiagonalGaussianDistribution
from ldm.util import as_plain, require


class AutoencoderKL(nn.Module):
    """Convolutional autoencoder with a normal posterior.

    Runs in the dtype of its weights. The keys `lossconfig`, `ignore_keys`, `image_key`,
    `monitor`, `ema_decay` and `learn_logvar` of published files are accepted and not used.
    """

    def __init__(
        self,
        ddconfig: Mapping[str, Any],
        lossconfig: Mapping[str, Any] | None = None,
        *,
        embed_dim: int = 4,
        ckpt_path: str | None = None,
        ignore_keys: Sequence[str] = (),
        image_key: str = "image",
        colorize_nlabels: int | None = None,
        monitor: str | None = None,
        ema_decay: float | None = None,
        learn_logvar: bool = False,
    ) -> None:
        super().__init__()
        require("ckpt_path", ckpt_path, None)
        require("colorize_nlabels", colorize_nlabels, None)
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

    def encode(self, image: Tensor) -> DiagonalGaussianDistribution:
        """Map an image (B, 3, H, W) in [-1, 1] to the posterior of (B, embed_dim, H/f, W/f).

        Raises:
            ValueError: the channels are wrong or a side is no multiple of `downsample_factor`.
        """
        _check_channels("image", image, channels=self.config.in_channels)
        height, width = image.shape[2:]
        if height % self.downsample_factor or width % self.downsample_factor:
            raise ValueError(
                f"image: got {width}x{height}, expected sides that are multiples of "
                f"{self.downsample_factor}"
            )
        image = image.to(self.quant_conv.weight.dtype)
        return DiagonalGaussianDistribution(self.quant_conv(self.encoder(image)))

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
