"""Vision transformers (timm's) as DPT backbones: an image to four maps of falling resolution.

"Vision Transformers for Dense Prediction", Ranftl et al., 2021, section 3.1.
"""

from collections import OrderedDict
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

READOUTS = ("project", "add", "ignore")
WEIGHT_STANDARDISATIONS = ("timm045", "timm")


@dataclass(frozen=True)
class ResNetStem:
    """Sizes of the convolutions before a transformer: an image to 1/16 of its size.

    Attributes:
        layers: blocks of each stage; the first two stages give the two finest maps.
        channels: of each stage.
        first_channels: of the convolution before the stages.
        bottleneck: channels of a block's middle, in shares of its stage's.
        norm_groups: of every normalisation.
    """

    layers: tuple[int, int, int] = (3, 4, 9)
    channels: tuple[int, int, int] = (256, 512, 1024)
    first_channels: int = 64
    bottleneck: float = 0.25
    norm_groups: int = 32


@dataclass(frozen=True)
class BackboneSpec:
    """Sizes of one backbone; `taps` are the blocks (0-based) whose tokens leave it."""

    net_size_px: int
    width: int
    depth: int
    heads: int
    taps: tuple[int, ...]
    channels: tuple[int, int, int, int]
    features: int = 256
    stem: ResNetStem | None = None
    classifier: bool = True


BACKBONES = {
    "vitb_rn50_384": BackboneSpec(
        384, 768, 12, 12, taps=(8, 11), channels=(256, 512, 768, 768), stem=ResNetStem()
    ),
    "vitl16_384": BackboneSpec(
        384, 1024, 24, 16, taps=(5, 11, 17, 23), channels=(256, 512, 1024, 1024)
    ),
    "vit_small_shapes": BackboneSpec(
        256,
        192,
        6,
        3,
        taps=(3, 5),
        channels=(64, 128, 192, 192),
        features=64,
        stem=ResNetStem((2, 2, 3), (64, 128, 256), 32, bottleneck=0.5, norm_groups=8),
        classifier=False,
    ),
}


class StandardisedConv2d(nn.Conv2d):
    """Convolution with standardised weights and TensorFlow's "SAME" padding.

    "Micro-Batch Training with Batch-Channel Normalization and Weight Standardization", Qiao et
    al., 2019. timm 0.4.5, with which the published hybrid was trained, adds 1e-5 to the standard
    deviation; later versions add 1e-8 to the variance.
    """

    def __init__(
        self, *args: Any, standardisation: str = "timm045", bias: bool = False, **params: Any
    ) -> None:
        super().__init__(*args, bias=bias, **params)
        self.standardisation = standardisation

    def standardised_weight(self) -> Tensor:
        """Return the weight with zero mean and unit variance in each output channel."""
        weight = self.weight
        if weight.dtype in (torch.float16, torch.bfloat16):
            weight = weight.float()
        var, mean = torch.var_mean(weight, dim=(1, 2, 3), keepdim=True, correction=0)
        scale = (var + 1e-8).rsqrt() if self.standardisation == "timm" else 1 / (var.sqrt() + 1e-5)
        return ((weight - mean) * scale).to(self.weight.dtype)

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, out, ceil(H / stride), ceil(W / stride))."""
        weight = self.standardised_weight()
        (left, right), (top, bottom) = (self._same_padding(x, axis) for axis in (-1, -2))
        padding = (top, left)
        if left != right or top != bottom:
            x, padding = F.pad(x, (left, right, top, bottom)), (0, 0)
        return F.conv2d(x, weight, self.bias, self.stride, padding, self.dilation, self.groups)

    def _same_padding(self, x: Tensor, axis: int) -> tuple[int, int]:
        size, stride = x.shape[axis], self.stride[axis]
        extent = self.dilation[axis] * (self.kernel_size[axis] - 1) + 1
        total = max((-(-size // stride) - 1) * stride + extent - size, 0)
        return total // 2, total - total // 2


class Readout(nn.Module):
    """What becomes of the class token: (B, 1 + n, C) to (B, n, C).

    "project" mixes it into every image token by a linear layer, "add" adds it, "ignore" drops it.
    """

    def __init__(self, kind: str, width: int) -> None:
        super().__init__()
        if kind not in READOUTS:
            raise ValueError(f"readout {kind!r} is unknown; expected one of {', '.join(READOUTS)}")
        self.kind = kind
        if kind == "project":
            self.project = nn.Sequential(nn.Linear(2 * width, width), nn.GELU())

    def forward(self, tokens: Tensor) -> Tensor:
        """Return (B, n, C)."""
        readout, image = tokens[:, :1], tokens[:, 1:]
        if self.kind == "project":
            return self.project(torch.cat((image, readout.expand_as(image)), dim=-1))
        return image + readout if self.kind == "add" else image


def _reassemble(level: int, spec: BackboneSpec, readout: str) -> nn.Sequential:
    """Build the step from tokens to the map of `level` (1 = finest).

    Children are named as in the published files, where 1 and 2 have no weights.
    """
    channels = spec.channels[level - 1]
    parts: OrderedDict[str, nn.Module] = OrderedDict()
    parts["0"] = Readout(readout, spec.width)
    parts["3"] = nn.Conv2d(spec.width, channels, 1)
    if level == 4:
        parts["4"] = nn.Conv2d(channels, channels, 3, stride=2, padding=1)
    elif level < 3:
        stride = 2 ** (3 - level)
        parts["4"] = nn.ConvTranspose2d(channels, channels, stride, stride=stride)
    return nn.Sequential(parts)


def _build_vit(spec: BackboneSpec, standardisation: str) -> nn.Module:
    from timm.layers import GroupNormAct, HybridEmbed
    from timm.models.resnetv2 import ResNetV2
    from timm.models.vision_transformer import VisionTransformer

    embedding = {"patch_size": 16}
    if spec.stem:
        resnet = ResNetV2(
            layers=spec.stem.layers,
            channels=spec.stem.channels,
            stem_chs=spec.stem.first_channels,
            bottle_ratio=spec.stem.bottleneck,
            num_classes=0,
            global_pool="",
            preact=False,
            stem_type="same",
            norm_layer=partial(GroupNormAct, num_groups=spec.stem.norm_groups),
            conv_layer=partial(StandardisedConv2d, standardisation=standardisation),
        )
        embedding = {"patch_size": 1, "embed_layer": partial(HybridEmbed, backbone=resnet)}
    vit = VisionTransformer(
        img_size=spec.net_size_px,
        embed_dim=spec.width,
        depth=spec.depth,
        num_heads=spec.heads,
        num_classes=1000 if spec.classifier else 0,
        **embedding,
    )
    if not spec.classifier:
        vit.norm = nn.Identity()  # only the classifier reads it
    return vit


class Backbone(nn.Module):
    """A transformer and the steps that turn its tokens into maps at 1/4, 1/8, 1/16, 1/32."""

    def __init__(self, spec: BackboneSpec, *, readout: str, weight_standardisation: str) -> None:
        super().__init__()
        if weight_standardisation not in WEIGHT_STANDARDISATIONS:
            raise ValueError(
                f"weight_standardisation {weight_standardisation!r} is unknown; "
                f"expected one of {', '.join(WEIGHT_STANDARDISATIONS)}"
            )
        self.spec = spec
        self.model = _build_vit(spec, weight_standardisation)
        for level in range(1, 5):
            from_resnet = spec.stem is not None and level < 3
            step = nn.Identity() if from_resnet else _reassemble(level, spec, readout)
            self.add_module(f"act_postprocess{level}", step)

    def forward(self, image: Tensor) -> list[Tensor]:
        """Return the four maps of `image` (B, 3, H, W) in [-1, 1], finest first."""
        patches, maps = self._embed(image)
        grid = patches.shape[-2:]
        tokens = self._add_position(patches.flatten(2).transpose(1, 2), grid)
        for index, block in enumerate(self.model.blocks):
            tokens = block(tokens)
            if index in self.spec.taps:
                maps.append(self._to_map(tokens, len(maps) + 1, grid))
            if index == self.spec.taps[-1]:
                break
        return maps

    def _embed(self, image: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Return patches (B, C, H/16, W/16) and the maps that a ResNet stem gives by itself."""
        embed = self.model.patch_embed
        if not self.spec.stem:
            return embed.proj(image), []
        x = embed.backbone.stem(image)
        maps = []
        for stage in embed.backbone.stages:
            x = stage(x)
            maps.append(x)
        return embed.proj(x), maps[:2]

    def _add_position(self, tokens: Tensor, grid: torch.Size) -> Tensor:
        """Prepend the class token and add the position embedding resized to `grid`."""
        side = self.spec.net_size_px // 16
        position = self.model.pos_embed
        if tuple(grid) != (side, side):
            old = position[:, 1:].transpose(1, 2).unflatten(2, (side, side))  # (1, C, side, side)
            new = F.interpolate(old, size=tuple(grid), mode="bilinear", align_corners=False)
            position = torch.cat((position[:, :1], new.flatten(2).transpose(1, 2)), dim=1)
        token = self.model.cls_token.expand(tokens.shape[0], -1, -1)
        return torch.cat((token, tokens), dim=1) + position

    def _to_map(self, tokens: Tensor, level: int, grid: torch.Size) -> Tensor:
        readout, *convolutions = self.get_submodule(f"act_postprocess{level}").children()
        x = readout(tokens).transpose(1, 2).unflatten(2, tuple(grid))  # (B, C, H/16, W/16)
        for convolution in convolutions:
            x = convolution(x)
        return x
