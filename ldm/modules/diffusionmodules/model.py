"""Encoder and decoder of the image autoencoder."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ldm.util import require

NORM_GROUPS = 32
NORM_EPS = 1e-6
# Pixels that look at all others at once: what 512x512 px have; larger pictures go in slices.
QUERIES = 4096


@dataclass(frozen=True)
class AutoencoderConfig:
    """The published `ddconfig` keys; those without a use here are accepted at one value only.

    `attn_resolutions` are the sizes at which attention is added, counted from `resolution`.
    """

    ch: int
    z_channels: int
    in_channels: int = 3
    out_ch: int = 3
    ch_mult: Sequence[int] = (1, 2, 4, 8)
    num_res_blocks: int = 2
    attn_resolutions: Sequence[int] = ()
    resolution: int = 256
    double_z: bool = True
    dropout: float = 0.0
    resamp_with_conv: bool = True
    use_linear_attn: bool = False
    tanh_out: bool = False
    give_pre_end: bool = False
    attn_type: str = "vanilla"  # "none" leaves attention out; the others all compute the same

    def __post_init__(self) -> None:
        if self.ch % NORM_GROUPS:
            raise ValueError(f"ch: got {self.ch}, expected a multiple of {NORM_GROUPS}")
        require("double_z", self.double_z, True)
        require("resamp_with_conv", self.resamp_with_conv, True)
        require("use_linear_attn", self.use_linear_attn, False)
        require("tanh_out", self.tanh_out, False)
        require("give_pre_end", self.give_pre_end, False)

    @property
    def downsample_factor(self) -> int:
        """Image pixels per latent pixel, along each axis."""
        return 2 ** (len(self.ch_mult) - 1)

    @property
    def widths(self) -> list[int]:
        """Channels of the feature maps per level (0 = full size)."""
        return [self.ch * mult for mult in self.ch_mult]

    @property
    def attends(self) -> bool:
        """Whether there is attention anywhere."""
        return self.attn_type != "none"

    def has_attention(self, level: int) -> bool:
        """Whether the blocks at `level` are followed by attention."""
        return self.attends and self.resolution // 2**level in self.attn_resolutions


class ResnetBlock(nn.Module):
    """Two 3x3 convolutions added to their input."""

    def __init__(self, in_channels: int, out_channels: int, *, dropout: float) -> None:
        super().__init__()
        self.norm1 = _norm(in_channels)
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, padding=1)
        self.norm2 = _norm(out_channels)
        self.dropout = nn.Dropout(dropout)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1)
        if in_channels != out_channels:
            self.nin_shortcut = nn.Conv2d(in_channels, out_channels, 1)
        else:
            self.nin_shortcut = nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, in_channels, H, W) to (B, out_channels, H, W)."""
        h = self.conv1(F.silu(self.norm1(x)))
        h = self.conv2(self.dropout(F.silu(self.norm2(h))))
        return self.nin_shortcut(x) + h


class AttnBlock(nn.Module):
    """Single-head self-attention over all pixels, added to its input."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = _norm(channels)
        self.q = nn.Conv2d(channels, channels, 1)
        self.k = nn.Conv2d(channels, channels, 1)
        self.v = nn.Conv2d(channels, channels, 1)
        self.proj_out = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, H, W) to (B, C, H, W)."""
        h = self.norm(x)
        query, key, value = (
            layer(h).permute(0, 2, 3, 1).flatten(1, 2)[:, None]  # (B, 1, H*W, C)
            for layer in (self.q, self.k, self.v)
        )
        slices = [
            F.scaled_dot_product_attention(part, key, value) for part in query.split(QUERIES, dim=2)
        ]
        attended = torch.cat(slices, dim=2)[:, 0]  # (B, H*W, C)
        return x + self.proj_out(attended.unflatten(1, x.shape[2:]).permute(0, 3, 1, 2))


class Downsample(nn.Module):
    """Halve the size; pads right and bottom only."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, H, W) to (B, C, H/2, W/2)."""
        return self.conv(F.pad(x, (0, 1, 0, 1)))


class Upsample(nn.Module):
    """Double the size by repetition, then convolve."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, H, W) to (B, C, 2H, 2W)."""
        return self.conv(F.interpolate(x, scale_factor=2.0, mode="nearest"))


class Middle(nn.Module):
    """Residual block, attention if there is any, residual block at the smallest size."""

    def __init__(self, channels: int, *, attention: bool, dropout: float) -> None:
        super().__init__()
        self.block_1 = ResnetBlock(channels, channels, dropout=dropout)
        self.attn_1 = AttnBlock(channels) if attention else nn.Identity()
        self.block_2 = ResnetBlock(channels, channels, dropout=dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, h, w) to (B, C, h, w)."""
        return self.block_2(self.attn_1(self.block_1(x)))


class Blocks(nn.Module):
    """The residual blocks of one size, each followed by attention where `attention` says so."""

    def __init__(
        self, in_channels: int, out_channels: int, *, blocks: int, attention: bool, dropout: float
    ) -> None:
        super().__init__()
        widths = [in_channels] + [out_channels] * blocks
        self.block = nn.ModuleList(
            ResnetBlock(before, after, dropout=dropout)
            for before, after in zip(widths[:-1], widths[1:], strict=True)
        )
        self.attn = nn.ModuleList(
            AttnBlock(out_channels) for _ in range(blocks if attention else 0)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, in_channels, H, W) to (B, out_channels, H, W)."""
        for index, block in enumerate(self.block):
            x = block(x)
            x = self.attn[index](x) if self.attn else x
        return x


class DownLevel(Blocks):
    """One size of the encoder; the last one keeps its size."""

    def __init__(self, config: AutoencoderConfig, index: int, *, in_channels: int) -> None:
        width = config.widths[index]
        super().__init__(
            in_channels,
            width,
            blocks=config.num_res_blocks,
            attention=config.has_attention(index),
            dropout=config.dropout,
        )
        last = index == len(config.ch_mult) - 1
        self.downsample = nn.Identity() if last else Downsample(width)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, in_channels, H, W) to (B, C, H/2, W/2)."""
        return self.downsample(super().forward(x))


class UpLevel(Blocks):
    """One size of the decoder; the first one, full size, keeps its size."""

    def __init__(self, config: AutoencoderConfig, index: int, *, in_channels: int) -> None:
        width = config.widths[index]
        super().__init__(
            in_channels,
            width,
            blocks=config.num_res_blocks + 1,
            attention=config.has_attention(index),
            dropout=config.dropout,
        )
        self.upsample = nn.Identity() if index == 0 else Upsample(width)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, in_channels, h, w) to (B, C, 2h, 2w)."""
        return self.upsample(super().forward(x))


class Encoder(nn.Module):
    """Image to the parameters of the posterior, before `quant_conv`."""

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__()
        self.conv_in = nn.Conv2d(config.in_channels, config.ch, 3, padding=1)
        inputs = [config.ch, *config.widths[:-1]]
        self.down = nn.ModuleList(
            DownLevel(config, index, in_channels=width) for index, width in enumerate(inputs)
        )
        width = config.widths[-1]
        self.mid = Middle(width, attention=config.attends, dropout=config.dropout)
        self.norm_out = _norm(width)
        self.conv_out = nn.Conv2d(width, 2 * config.z_channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Map an image (B, in_channels, H, W) in [-1, 1] to (B, 2 * z_channels, H/f, W/f)."""
        h = self.conv_in(x)
        for level in self.down:
            h = level(h)
        return self.conv_out(F.silu(self.norm_out(self.mid(h))))


class Decoder(nn.Module):
    """Latent, after `post_quant_conv`, to image."""

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__()
        width = config.widths[-1]
        self.conv_in = nn.Conv2d(config.z_channels, width, 3, padding=1)
        self.mid = Middle(width, attention=config.attends, dropout=config.dropout)
        inputs = [*config.widths[1:], width]
        self.up = nn.ModuleList(  # up[0] is full size, as down[0] is
            UpLevel(config, index, in_channels=width) for index, width in enumerate(inputs)
        )
        self.norm_out = _norm(config.widths[0])
        self.conv_out = nn.Conv2d(config.widths[0], config.out_ch, 3, padding=1)

    def forward(self, z: Tensor) -> Tensor:
        """Map (B, z_channels, h, w) to an image (B, out_ch, f*h, f*w), about [-1, 1]."""
        h = self.mid(self.conv_in(z))
        for level in reversed(self.up):
            h = level(h)
        return self.conv_out(F.silu(self.norm_out(h)))


def _norm(channels: int) -> nn.GroupNorm:
    return nn.GroupNorm(NORM_GROUPS, channels, eps=NORM_EPS)
