"""Training the small DPT: relative disparity of single images."""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from dpt.models import DPTDepthModel
from ldm.checkpoint import save_checkpoint
from ldm.util import instantiate_from_config
from shapes.training.autoencoder import vary_colours
from shapes.training.losses import disparity_loss, standardise
from shapes.training.pool import draw_crops, join_pools, open_pool, to_network
from shapes.training.settings import Settings, Stage
from shapes.training.task import Task
from shapes.training.weights import load_part

SHEET_IMAGES = 6
SMALLEST_CROP = 0.6


class DepthNetworkTask(Task):
    """Predict the disparity of crops of varied scale and colour."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.pool = join_pools(
            [open_pool(part.folder, part.scenes) for part in settings.data.parts()]
        )
        self.network: DPTDepthModel = instantiate_from_config(settings.model)
        if "dpt" in settings.start:
            load_part(self.network, settings.start_file("dpt"))
        self.network.to(memory_format=torch.channels_last)

    def loss(self, stage: Stage, generator: torch.Generator) -> Tensor:
        """Return the scale- and shift-invariant loss."""
        share = SMALLEST_CROP + (1 - SMALLEST_CROP) * torch.rand((), generator=generator)
        side = max(stage.size_px, int(share * self.pool.size_px))
        image, disparity = draw_crops(self.pool, stage.batch, size_px=side, generator=generator)
        image, disparity = resize(image, stage.size_px), resize(disparity[:, None], stage.size_px)
        image = vary_colours(image, generator).to(self.device, memory_format=torch.channels_last)
        weight = self.settings.loss.get("gradient_weight", 0.5)
        return disparity_loss(
            self.network(image).float(), disparity[:, 0].to(self.device), gradient_weight=weight
        )

    def sheet(self) -> Tensor:
        """Return images above predicted and true disparity."""
        image = to_network(np.stack([self.pool.image(i) for i in range(SHEET_IMAGES)]))
        true = torch.from_numpy(
            np.stack([self.pool.disparity_px(i) for i in range(SHEET_IMAGES)])
        ).float()
        with torch.no_grad():
            predicted = self.network(image.to(self.device)).float().cpu()
        rows = [image / 2 + 0.5, *(as_grey(maps) for maps in (predicted, true))]
        return torch.cat([torch.cat(list(row), dim=2) for row in rows], dim=1).clamp(0, 1)

    def export(self, path: Path) -> None:
        """Write the network."""
        save_checkpoint(self.network, path, {"model": dict(self.settings.model)})

    def compile_networks(self) -> None:
        """Compile the network."""
        self.network.compile()


def resize(maps: Tensor, size_px: int) -> Tensor:
    """Resize (B, C, S, S) to (B, C, size_px, size_px), averaging where it shrinks."""
    if maps.shape[-1] == size_px:
        return maps
    return F.interpolate(maps, size=(size_px, size_px), mode="bilinear", antialias=True)


def as_grey(disparity: Tensor) -> Tensor:
    """Return maps (B, H, W) as grey pictures (B, 3, H, W) about [0, 1]."""
    return (0.35 + 0.2 * standardise(disparity))[:, None].expand(-1, 3, -1, -1)
