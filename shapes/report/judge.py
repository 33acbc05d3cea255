"""A small network that says, for each place of a picture, which of the world's shapes is there.

It never sees a generated picture: it learns from rendered scenes, and its own accuracy on held-out
ones is reported beside everything that it judges.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from shapes.world.scene import SHAPES

SHAPE_NAMES = tuple(SHAPES)
INPUT_PX, GRID = 128, 32
STEM, WIDTHS = 20, (40, 80, 112)


class ShapeMap(NamedTuple):
    """What a judge sees: `labels` (B, G, G), 0 = no object, k = the k-th shape's name."""

    labels: Tensor
    shares: Tensor
    """(B, 6): share of the object's evidence for each shape."""


class Block(nn.Module):
    """Two convolutions beside a shortcut, each with batch normalisation before it."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.BatchNorm2d(channels), nn.BatchNorm2d(channels)
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return the same shape (B, C, H, W)."""
        x = x + self.conv1(F.relu(self.norm1(x)))
        return x + self.conv2(F.relu(self.norm2(x)))


class Judge(nn.Module):
    """A U-shaped network from pictures to (B, 1 + 6, 32, 32) logits: no object, or a shape."""

    def __init__(self) -> None:
        super().__init__()
        wide, wider, widest = WIDTHS
        self.stem = nn.Sequential(
            nn.Conv2d(3, STEM, 5, stride=2, padding=2),
            nn.ReLU(),
            nn.Conv2d(STEM, wide, 3, stride=2, padding=1),
        )
        self.fine = Block(wide)
        self.middle = nn.Sequential(nn.Conv2d(wide, wider, 2, stride=2), Block(wider))
        self.coarse = nn.Sequential(
            nn.Conv2d(wider, widest, 2, stride=2), Block(widest), Block(widest)
        )
        self.to_middle = nn.Conv2d(widest, wider, 1)
        self.middle_out = Block(wider)
        self.to_fine = nn.Conv2d(wider, wide, 1)
        self.head = nn.Sequential(Block(wide), nn.ReLU(), nn.Conv2d(wide, 1 + len(SHAPE_NAMES), 1))

    def forward(self, pictures: Tensor) -> Tensor:
        """Return logits (B, 7, 32, 32) of pictures (B, 3, H, W) in [0, 1]."""
        x = F.interpolate(pictures, (INPUT_PX, INPUT_PX), mode="area") * 4 - 2
        fine = self.fine(self.stem(x))  # (B, 40, 32, 32)
        middle = self.middle(fine)  # (B, 80, 16, 16)
        deep = self.to_middle(self.coarse(middle))  # (B, 80, 8, 8)
        middle = self.middle_out(middle + F.interpolate(deep, scale_factor=2))
        return self.head(fine + F.interpolate(self.to_fine(middle), scale_factor=2))


@torch.no_grad()
def look(judge: Judge, pictures: Tensor) -> ShapeMap:
    """Judge pictures (B, 3, H, W) in [0, 1], as they are and mirrored."""
    mirrored = judge(pictures.flip(-1)).float().softmax(1).flip(-1)
    chances = (judge(pictures).float().softmax(1) + mirrored) / 2  # (B, 7, G, G)
    is_object = chances[:, 0] < 0.5
    best = chances[:, 1:].argmax(1) + 1
    evidence = (chances[:, 1:] * is_object[:, None]).sum((2, 3))
    shares = evidence / evidence.sum(1, keepdim=True).clamp_min(1e-6)
    return ShapeMap(best * is_object, shares)
