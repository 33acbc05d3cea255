"""Convolutional decoder of DPT: residual units, fusion of two scales, depth head."""

import torch.nn.functional as F
from torch import Tensor, nn


class ResidualConvUnit(nn.Module):
    """Two 3x3 convolutions, each after a ReLU, added to their input."""

    def __init__(self, features: int, *, use_bn: bool = False) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(features, features, 3, padding=1, bias=not use_bn)
        self.conv2 = nn.Conv2d(features, features, 3, padding=1, bias=not use_bn)
        self.bn1 = nn.BatchNorm2d(features) if use_bn else nn.Identity()
        self.bn2 = nn.BatchNorm2d(features) if use_bn else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """Return a map of the input's shape."""
        y = self.bn1(self.conv1(F.relu(x)))
        return x + self.bn2(self.conv2(F.relu(y)))


class FeatureFusionBlock(nn.Module):
    """Add a finer map to the coarse path, refine, and enlarge.

    The coarsest block of a network has no path yet, so its `resConfUnit1` is never used; it
    exists because the published files hold its weights.
    """

    def __init__(self, features: int, *, use_bn: bool = False) -> None:
        super().__init__()
        self.out_conv = nn.Conv2d(features, features, 1)
        self.resConfUnit1 = ResidualConvUnit(features, use_bn=use_bn)
        self.resConfUnit2 = ResidualConvUnit(features, use_bn=use_bn)

    def forward(self, layer: Tensor, path: Tensor | None, *, size: tuple[int, int]) -> Tensor:
        """Fuse `layer` (B, C, h, w) with `path` of the same shape; returns (B, C, *size)."""
        fused = layer if path is None else path + self.resConfUnit1(layer)
        # A 1x1 convolution commutes with interpolation, whose weights sum to one: four times
        # cheaper before it than after it, where the published code has it.
        small = self.out_conv(self.resConfUnit2(fused))
        return F.interpolate(small, size=size, mode="bilinear", align_corners=True)


class Scratch(nn.Module):
    """Everything after the backbone: four projections, four fusions, and the depth head."""

    def __init__(
        self,
        channels: tuple[int, int, int, int],
        features: int,
        *,
        use_bn: bool,
        non_negative: bool,
    ) -> None:
        super().__init__()
        for level, width in enumerate(channels, start=1):
            projection = nn.Conv2d(width, features, 3, padding=1, bias=False)
            self.add_module(f"layer{level}_rn", projection)
        for level in range(1, 5):
            self.add_module(f"refinenet{level}", FeatureFusionBlock(features, use_bn=use_bn))
        self.output_conv = depth_head(features, non_negative=non_negative)

    def forward(self, maps: list[Tensor]) -> Tensor:
        """Decode maps at 1/4, 1/8, 1/16 and 1/32 of the image to (B, 1, H, W)."""
        layers = [self.get_submodule(f"layer{i}_rn")(x) for i, x in enumerate(maps, start=1)]
        path = None
        for level in (4, 3, 2, 1):
            height, width = layers[0].shape[-2:]
            # The next finer map's size; it is the double except where a side is odd.
            size = layers[level - 2].shape[-2:] if level > 1 else (2 * height, 2 * width)
            path = self.get_submodule(f"refinenet{level}")(layers[level - 1], path, size=size)
        return self.output_conv(path)


def depth_head(features: int, *, non_negative: bool) -> nn.Sequential:
    """Build the head from (B, features, H/2, W/2) to (B, 1, H, W)."""
    hidden = min(32, features // 4)
    last = nn.Conv2d(hidden, 1, 1)
    nn.init.ones_(last.bias)  # a new network must not start where the last ReLU has no gradient
    return nn.Sequential(
        nn.Conv2d(features, features // 2, 3, padding=1),
        nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True),
        nn.Conv2d(features // 2, hidden, 3, padding=1),
        nn.ReLU(),
        last,
        nn.ReLU() if non_negative else nn.Identity(),
    )
