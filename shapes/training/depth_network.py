"""Training the small DPT: relative disparity of single images."""

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from dpt.models import DPTDepthModel
from ldm.saving import save_checkpoint
from shapes.training.autoencoder import vary_colours
from shapes.training.losses import disparity_loss, standardise
from shapes.training.pool import draw_crops, join_pools, open_pool
from shapes.training.settings import Settings, Stage
from shapes.training.task import SHEET_IMAGES, Task, grid
from shapes.training.weights import build_network, load_part

SMALLEST_CROP = 0.6


class DepthNetworkTask(Task):
    """Predict the disparity of crops of varied scale and colour."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.pool = join_pools(
            [open_pool(part.folder, part.scenes) for part in settings.data.pools()]
        )
        self.network = build_network(settings.model, DPTDepthModel)
        if "dpt" in settings.start:
            load_part(self.network, Path(settings.start["dpt"]))
        self.network.to(memory_format=torch.channels_last)

    def loss(self, stage: Stage, generator: torch.Generator) -> Tensor:
        """Return the scale- and shift-invariant loss."""
        share = SMALLEST_CROP + (1 - SMALLEST_CROP) * torch.rand((), generator=generator)
        side = max(stage.size_px, int(share * self.pool.size_px))
        image, disparity = draw_crops(self.pool, stage.batch, size_px=side, generator=generator)
        image, disparity = resize(image, stage.size_px), resize(disparity[:, None], stage.size_px)
        image = vary_colours(image, generator).to(self.device, memory_format=torch.channels_last)
        return disparity_loss(
            self.network(image).float(),
            disparity[:, 0].to(self.device),
            gradient_weight=self.settings.loss_weight("gradient_weight"),
        )

    def sheet(self) -> Tensor:
        """Return images above predicted and true disparity."""
        chosen = range(min(SHEET_IMAGES, len(self.pool)))
        image, true = self.pool.images(chosen), self.pool.disparities(chosen)
        predicted = self.network(image.to(self.device)).float().cpu()
        return grid(image / 2 + 0.5, as_grey(predicted), as_grey(true), columns=len(image))

    def export(self, path: Path) -> None:
        """Write the network."""
        save_checkpoint(self.network, path, {"model": self.settings.model})


def resize(maps: Tensor, size_px: int) -> Tensor:
    """Resize (B, C, S, S) to (B, C, size_px, size_px), averaging where it shrinks."""
    if maps.shape[-1] == size_px:
        return maps
    return F.interpolate(maps, size=(size_px, size_px), mode="bilinear", antialias=True)


def as_grey(disparity: Tensor) -> Tensor:
    """Return maps (B, H, W) as grey pictures (B, 3, H, W) about [0, 1]."""
    return (0.35 + 0.2 * standardise(disparity))[:, None].expand(-1, 3, -1, -1)
