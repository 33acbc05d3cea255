"""What stands in each column of a picture, as a second thing to learn: colours and shapes by place.

The mean squared error of a denoiser hardly rewards knowing which of two colours is left of the
other: while noise hides the layout that is a small part of the error, and afterwards the picture
shows it. Naming the columns rewards nothing else. What learns to name them is not shipped.
"""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ldm.modules.attention import SpatialTransformer
from shapes.world.materials import COLOURS
from shapes.world.outline import NOTHING, Outline
from shapes.world.scene import SHAPES

COLUMNS = 8


class ColumnNames(nn.Module):
    """Logits of colour and shape from features (..., C); number 0 is nothing."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.colour = nn.Linear(width, len(COLOURS) + 1)
        self.shape = nn.Linear(width, len(SHAPES) + 1)

    def loss(self, features: Tensor, wanted: Tensor) -> Tensor:
        """Return the cross-entropies of colour and shape, averaged over the columns, added.

        Args:
            features: (B, COLUMNS, C).
            wanted: numbers (B, 2, COLUMNS) of colour and shape.
        """
        logits = self.colour(features), self.shape(features)
        colour, shape = (
            F.cross_entropy(found.float().flatten(0, 1), true.flatten())
            for found, true in zip(logits, wanted.unbind(1), strict=True)
        )
        return colour + shape


class DenoiserReader(nn.Module):
    """Names the columns from what each of a UNet's transformers gives out, its rows averaged.

    It also has to tell which column it reads: a UNet knows places by the zeros around the picture
    only, and without that a query cannot ask for what is left.
    """

    def __init__(self, unet: nn.Module) -> None:
        super().__init__()
        transformers = [m for m in unet.modules() if isinstance(m, SpatialTransformer)]
        widths = [m.norm.num_channels for m in transformers]
        self.names = nn.ModuleList(ColumnNames(width) for width in widths)
        self.places = nn.ModuleList(nn.Linear(width, COLUMNS) for width in widths)
        self.features: list[Tensor] = []
        for transformer in transformers:
            transformer.register_forward_hook(self._note)

    def _note(self, module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        if torch.is_grad_enabled():
            self.features.append(output)

    def loss(self, wanted: Tensor) -> Tensor:
        """Return the loss of the UNet's last forward pass, averaged over its transformers."""
        read = [F.adaptive_avg_pool2d(f, (1, COLUMNS))[:, :, 0].mT for f in self.features]
        self.features.clear()
        losses = [
            names.loss(features, wanted) + place_loss(place(features))
            for names, place, features in zip(self.names, self.places, read, strict=True)
        ]
        return torch.stack(losses).mean()


def place_loss(logits: Tensor) -> Tensor:
    """Return the cross-entropy of telling columns (B, COLUMNS, COLUMNS) by their number."""
    true = torch.arange(COLUMNS, device=logits.device).expand(len(logits), -1)
    return F.cross_entropy(logits.float().flatten(0, 1), true.flatten())


def column_numbers(outlines: list[Outline]) -> Tensor:
    """Return the numbers (N, 2, COLUMNS) of colour and shape in every column, 0 for nothing."""
    colours = {name: k + 1 for k, name in enumerate(COLOURS)}
    shapes = {name: k + 1 for k, name in enumerate(SHAPES)}
    found = np.zeros((len(outlines), 2, COLUMNS), dtype=np.int64)
    for n, entry in enumerate(outlines):
        for column, k in enumerate(entry.columns):
            if k != NOTHING:
                solid = entry.solids[k]
                found[n, :, column] = colours[solid.colour], shapes[solid.name]
    return torch.from_numpy(found)
