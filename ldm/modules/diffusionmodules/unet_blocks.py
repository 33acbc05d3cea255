"""The layers of the U-Net, and how its rows of blocks are put together."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from ldm.modules.attention import SpatialTransformer
from ldm.modules.diffusionmodules.model import Upsample

NORM_GROUPS = 32


class Downsample(nn.Module):
    """Halve the size by a strided convolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.op = nn.Conv2d(channels, channels, 3, stride=2, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, h, w) to (B, C, h/2, w/2)."""
        return self.op(x)


class ResBlock(nn.Module):
    """Two 3x3 convolutions with the timestep added between them, added to their input."""

    def __init__(
        self, channels: int, emb_channels: int, *, out_channels: int, dropout: float
    ) -> None:
        super().__init__()
        self.in_layers = nn.Sequential(
            nn.GroupNorm(NORM_GROUPS, channels),
            nn.SiLU(),
            nn.Conv2d(channels, out_channels, 3, padding=1),
        )
        self.emb_layers = nn.Sequential(nn.SiLU(), nn.Linear(emb_channels, out_channels))
        self.out_layers = nn.Sequential(
            nn.GroupNorm(NORM_GROUPS, out_channels),
            nn.SiLU(),
            nn.Dropout(dropout),
            _zero(nn.Conv2d(out_channels, out_channels, 3, padding=1)),
        )
        same = channels == out_channels
        self.skip_connection = nn.Identity() if same else nn.Conv2d(channels, out_channels, 1)

    def forward(self, x: Tensor, emb: Tensor) -> Tensor:
        """Map (B, channels, h, w) and the embedded timestep (B or 1, emb_channels)."""
        return self.shifted(x, self.emb_layers(emb))

    def shifted(self, x: Tensor, shift: Tensor) -> Tensor:
        """Map (B, channels, h, w) and what the timestep adds in between (B or 1, out_channels)."""
        h = self.in_layers(x) + shift[:, :, None, None]
        return self.skip_connection(x) + self.out_layers(h)


class TimestepEmbedSequential(nn.Sequential):
    """Layers in a row, each given what it needs beside the feature map."""

    def forward(self, x: Tensor, emb: Tensor, context: Tensor | None = None) -> Tensor:
        """Map (B, C, h, w) to the last layer's output."""
        for layer in self:
            if isinstance(layer, ResBlock):
                x = layer(x, emb)
            elif isinstance(layer, SpatialTransformer):
                x = layer(x, context)
            else:
                x = layer(x)
        return x


@dataclass(frozen=True)
class Level:
    """The blocks of one size, the same on the way down and up."""

    channels: int
    blocks: int
    depth: int
    attention: bool


@dataclass(frozen=True)
class LayerFactory:
    """Builds the two kinds of layer from the options that all of a network's layers share."""

    emb_channels: int
    num_heads: int
    num_head_channels: int
    context_dim: int | None
    use_linear: bool
    dropout: float

    def residual(self, channels: int, out_channels: int) -> ResBlock:
        """Return a residual block."""
        return ResBlock(
            channels, self.emb_channels, out_channels=out_channels, dropout=self.dropout
        )

    def transformer(self, channels: int, depth: int) -> SpatialTransformer:
        """Return a transformer of `depth` blocks."""
        heads = self.heads(channels)
        return SpatialTransformer(
            channels,
            heads,
            d_head=channels // heads,
            depth=depth,
            dropout=self.dropout,
            context_dim=self.context_dim,
            use_linear=self.use_linear,
        )

    def heads(self, channels: int) -> int:
        """Return the heads at this width; `num_head_channels` goes before `num_heads`."""
        if self.num_head_channels == -1 and self.num_heads == -1:
            raise ValueError("num_heads, num_head_channels: got -1 for both, expected one of them")
        name, divisor = "num_heads", self.num_heads
        if self.num_head_channels != -1:
            name, divisor = "num_head_channels", self.num_head_channels
        if divisor < 1 or channels % divisor:
            raise ValueError(f"{name}: got {divisor}, expected a divisor of {channels} channels")
        return channels // divisor if name == "num_head_channels" else divisor


def plan_levels(
    model_channels: int,
    channel_mult: Sequence[int],
    *,
    attention_resolutions: Sequence[int],
    num_res_blocks: int | Sequence[int],
    transformer_depth: int | Sequence[int],
) -> list[Level]:
    """Return the levels, full size first; ValueError where the options do not make sense."""
    if model_channels % NORM_GROUPS:
        raise ValueError(
            f"model_channels: got {model_channels}, expected a multiple of {NORM_GROUPS}"
        )
    blocks = _per_level("num_res_blocks", num_res_blocks, levels=len(channel_mult))
    depths = _per_level("transformer_depth", transformer_depth, levels=len(channel_mult))
    return [
        Level(
            model_channels * mult, blocks[index], depths[index], 2**index in attention_resolutions
        )
        for index, mult in enumerate(channel_mult)
    ]


def _per_level(name: str, value: int | Sequence[int], *, levels: int) -> list[int]:
    values = [value] * levels if isinstance(value, int) else list(value)
    if len(values) != levels:
        raise ValueError(f"{name}: got {values}, expected one number or {levels}")
    return values


def build_input_blocks(
    stem: nn.Conv2d, levels: Sequence[Level], *, layers: LayerFactory
) -> tuple[nn.ModuleList, list[int]]:
    """Return the blocks on the way down and the channels that each of them puts out."""
    blocks = nn.ModuleList([TimestepEmbedSequential(stem)])
    skips = [stem.out_channels]
    for level in levels:
        for _ in range(level.blocks):
            row: list[nn.Module] = [layers.residual(skips[-1], level.channels)]
            if level.attention:
                row.append(layers.transformer(level.channels, level.depth))
            blocks.append(TimestepEmbedSequential(*row))
            skips.append(level.channels)
        if level is not levels[-1]:
            blocks.append(TimestepEmbedSequential(Downsample(level.channels)))
            skips.append(level.channels)
    return blocks, skips


def build_time_embed(channels: int, emb_channels: int) -> nn.Sequential:
    """Return the layers between a timestep's sinusoids and the residual blocks."""
    return nn.Sequential(
        nn.Linear(channels, emb_channels), nn.SiLU(), nn.Linear(emb_channels, emb_channels)
    )


def build_head(channels: int, out_channels: int) -> nn.Sequential:
    """Return the last layers; a new network puts out zeros."""
    return nn.Sequential(
        nn.GroupNorm(NORM_GROUPS, channels),
        nn.SiLU(),
        _zero(nn.Conv2d(channels, out_channels, 3, padding=1)),
    )


def build_middle_block(level: Level, *, layers: LayerFactory) -> TimestepEmbedSequential:
    """Return the block at the smallest size, which always has a transformer."""
    return TimestepEmbedSequential(
        layers.residual(level.channels, level.channels),
        layers.transformer(level.channels, level.depth),
        layers.residual(level.channels, level.channels),
    )


def build_output_blocks(
    levels: Sequence[Level], skips: Sequence[int], *, layers: LayerFactory
) -> nn.ModuleList:
    """Return the blocks on the way up; each takes the last skip left, of `skips` channels."""
    blocks = nn.ModuleList()
    remaining = list(skips)
    width = levels[-1].channels
    for level in reversed(levels):
        for position in range(level.blocks + 1):
            row: list[nn.Module] = [layers.residual(width + remaining.pop(), level.channels)]
            width = level.channels
            if level.attention:
                row.append(layers.transformer(width, level.depth))
            if position == level.blocks and level is not levels[0]:
                row.append(Upsample(width))
            blocks.append(TimestepEmbedSequential(*row))
    return blocks


def _zero(layer: nn.Conv2d) -> nn.Conv2d:
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer
