"""Training the image autoencoder."""

import logging
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from ldm.models.autoencoder import AutoencoderKL
from ldm.saving import save_checkpoint
from shapes.training.losses import reconstruction_loss
from shapes.training.plain_start import start_plainly
from shapes.training.pool import draw_crops, open_pool
from shapes.training.settings import Settings, Stage
from shapes.training.task import SHEET_IMAGES, Task, grid
from shapes.training.weights import build_network

logger = logging.getLogger(__name__)

MEASURED_IMAGES = 64


class AutoencoderTask(Task):
    """Reconstruct random crops, half of them of images at half size, with varied colours."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.pool = open_pool(Path(settings.data.folder), settings.data.scenes)
        self.network = build_network(settings.model, AutoencoderKL)
        start_plainly(self.network)

    def loss(self, stage: Stage, generator: torch.Generator) -> Tensor:
        """Return the reconstruction loss, with weak pulls on the posterior."""
        weight = self.settings.loss_weight
        image = self._draw(stage, generator).to(self.device)
        posterior = self.network.encode(image)
        latents = add_noise(
            posterior.sample(generator), most=weight("latent_noise"), generator=generator
        )
        error = reconstruction_loss(
            self.network.decode(latents).float(), image, gradient_weight=weight("gradient_weight")
        )
        kl_per_value = posterior.kl().float().mean() / image[0].numel()
        coarse = F.avg_pool2d(image, self.network.downsample_factor)
        # Without a guide to the colours the latents hold little but brightness for a long time.
        guide = F.l1_loss(posterior.mean[:, :3].float(), coarse)
        return error + weight("kl_weight") * kl_per_value + weight("guide_weight") * guide

    def _draw(self, stage: Stage, generator: torch.Generator) -> Tensor:
        """Draw (B, 3, S, S) in [-1, 1]."""
        halved = 2 * stage.size_px <= self.pool.size_px and draw_bool(0.5, generator)
        side = 2 * stage.size_px if halved else stage.size_px
        image, _ = draw_crops(self.pool, stage.batch, size_px=side, generator=generator)
        image = F.avg_pool2d(image, 2) if halved else image
        return vary_colours(image, generator)

    def sheet(self) -> Tensor:
        """Return images above their reconstructions."""
        image = self.pool.images(range(min(SHEET_IMAGES, len(self.pool))))
        decoded = self.network.decode(self.network.encode(image.to(self.device)).mode())
        pictures = (image / 2 + 0.5, decoded.float().cpu() / 2 + 0.5)
        return grid(*pictures, columns=len(image))

    def export(self, path: Path) -> None:
        """Write the autoencoder, with the factor that brings its latents to unit deviation."""
        images = self.pool.images(range(min(MEASURED_IMAGES, len(self.pool))))
        factor = measure_scale_factor(self.network, images.to(self.device))
        logger.info("scale_factor %.5f", factor)
        save_checkpoint(self.network, path, {"model": self.settings.model, "scale_factor": factor})


def add_noise(latents: Tensor, *, most: float, generator: torch.Generator) -> Tensor:
    """Add noise of 0 to `most` deviations of the batch to each of latents (B, C, h, w).

    DDIM ends at the first timestep's noise level, not at none; a decoder that has never seen noise
    shows it as grain.
    """
    level = most * torch.rand(len(latents), 1, 1, 1, generator=generator)
    noise = level * torch.randn(latents.shape, generator=generator)
    return latents + noise.to(latents) * latents.detach().std()


def vary_colours(image: Tensor, generator: torch.Generator) -> Tensor:
    """Swap the channels of some images (B, 3, H, W) and vary their contrast and brightness."""
    order = torch.randperm(3, generator=generator)
    image = torch.cat([image[:1, order], image[1:]])  # one of a batch: colours stay mostly true
    contrast = 0.6 + 0.6 * torch.rand(len(image), 1, 1, 1, generator=generator)
    brightness = 0.3 * (2 * torch.rand(len(image), 1, 1, 1, generator=generator) - 1)
    return (image * contrast + brightness).clamp(-1, 1)


def draw_bool(probability: float, generator: torch.Generator) -> bool:
    """Return True with `probability`."""
    return bool(torch.rand((), generator=generator) < probability)


@torch.no_grad()
def measure_scale_factor(model: AutoencoderKL, images: Tensor) -> float:
    """Return 1 / standard deviation of the mean latents of images (B, 3, H, W) in [-1, 1]."""
    latents = torch.cat([model.encode(batch).mode().float() for batch in images.split(8)])
    return float(1 / latents.std())
