"""Training the image autoencoder."""

import logging
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ldm.checkpoint import save_checkpoint
from ldm.models.autoencoder import AutoencoderKL
from ldm.modules.diffusionmodules.model import AttnBlock, Downsample, ResnetBlock, Upsample
from ldm.util import instantiate_from_config
from shapes.training.losses import reconstruction_loss
from shapes.training.pool import draw_crops, open_pool, to_network
from shapes.training.settings import Settings, Stage
from shapes.training.task import Task
from shapes.training.weights import load_part

logger = logging.getLogger(__name__)

MEASURED_IMAGES = 64
SHEET_IMAGES = 6
START_LOGVAR = -6.0


class AutoencoderTask(Task):
    """Reconstruct random crops, half of them of images at half size, with varied colours."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.pool = open_pool(Path(settings.data.folder), settings.data.scenes)
        self.network: AutoencoderKL = instantiate_from_config(settings.model)
        if "autoencoder" in settings.start:
            load_part(self.network, settings.start_file("autoencoder"))
            # Latents stay what other parts have learned from.
            self.network.encoder.requires_grad_(False)
            self.network.quant_conv.requires_grad_(False)
        else:
            start_plainly(self.network)
        self.network.to(memory_format=torch.channels_last)

    def loss(self, stage: Stage, generator: torch.Generator) -> Tensor:
        """Return the reconstruction loss, with weak pulls on the posterior."""
        weights = self.settings.loss
        image = self._draw(stage, generator).to(self.device, memory_format=torch.channels_last)
        posterior = self.network.encode(image)
        latents = posterior.sample(generator)
        most = weights.get("latent_noise", 0.0)
        decoded = self.network.decode(add_noise(latents, most=most, generator=generator))
        found = reconstruction_loss(
            decoded.float(), image, gradient_weight=weights.get("gradient_weight", 0.5)
        )
        kl_per_value = posterior.kl().float().mean() / image[0].numel()
        coarse = F.avg_pool2d(image, self.network.downsample_factor)
        # Without a guide to the colours the latents hold little but brightness for a long time.
        guide = F.l1_loss(posterior.mean[:, :3].float(), coarse)
        return (
            found
            + weights.get("kl_weight", 1e-6) * kl_per_value
            + weights.get("guide_weight", 0.0) * guide
        )

    def _draw(self, stage: Stage, generator: torch.Generator) -> Tensor:
        """Draw (B, 3, S, S) in [-1, 1]."""
        halved = 2 * stage.size_px <= self.pool.size_px and draw_bool(0.5, generator)
        side = 2 * stage.size_px if halved else stage.size_px
        image, _ = draw_crops(self.pool, stage.batch, size_px=side, generator=generator)
        image = F.avg_pool2d(image, 2) if halved else image
        return vary_colours(image, generator)

    def sheet(self) -> Tensor:
        """Return images above their reconstructions."""
        image = to_network(np.stack([self.pool.image(i) for i in range(SHEET_IMAGES)]))
        with torch.no_grad():
            decoded = self.network.decode(self.network.encode(image.to(self.device)).mode())
        rows = [torch.cat(list(row), dim=2) for row in (image, decoded.float().cpu())]
        return (torch.cat(rows, dim=1) / 2 + 0.5).clamp(0, 1)

    def export(self, path: Path) -> None:
        """Write the autoencoder, with the factor that brings its latents to unit deviation."""
        factor = measure_scale_factor(self.network, self._measured().to(self.device))
        logger.info("scale_factor %.5f", factor)
        model = dict(self.settings.model)
        save_checkpoint(self.network, path, {"model": model, "scale_factor": factor})

    def _measured(self) -> Tensor:
        count = min(MEASURED_IMAGES, len(self.pool))
        return to_network(np.stack([self.pool.image(i) for i in range(count)]))

    def compile_networks(self) -> None:
        """Compile encoder and decoder."""
        self.network.encoder.compile()
        self.network.decoder.compile()


@torch.no_grad()
def start_plainly(model: AutoencoderKL) -> None:
    """Let a new autoencoder begin as little more than averaging down and repeating up.

    From the usual random start colours drown in brightness, and stay lost for a thousand steps.
    The posterior begins with little noise: at deviation 1 all but one channel would be ignored.
    """
    for layer in model.modules():
        if isinstance(layer, ResnetBlock):
            nn.init.zeros_(layer.conv2.weight)
            if isinstance(layer.nin_shortcut, nn.Conv2d):
                nn.init.dirac_(layer.nin_shortcut.weight)
        elif isinstance(layer, AttnBlock):
            nn.init.zeros_(layer.proj_out.weight)
        elif isinstance(layer, Downsample):
            nn.init.zeros_(layer.conv.weight)
            layer.conv.weight[:, :, :2, :2] = torch.eye(len(layer.conv.weight))[..., None, None] / 4
        elif isinstance(layer, Upsample):
            nn.init.dirac_(layer.conv.weight)
    _pass_colours(model)
    model.quant_conv.bias[model.embed_dim :] = START_LOGVAR
    model.quant_conv.weight[model.embed_dim :] *= 0.1


def _pass_colours(model: AutoencoderKL) -> None:
    """Let three latent channels hold the colours averaged down, and the decoder show them.

    Each colour runs beside its negative, as silu(x) - silu(-x) = x.
    """
    encoder, decoder = model.encoder, model.decoder
    for layer in (encoder.conv_in, decoder.conv_in, encoder.conv_out, decoder.conv_out):
        layer.weight[: 6 if layer in (encoder.conv_in, decoder.conv_in) else 3] = 0
    for channel in range(3):
        for sign, place in ((1.0, 2 * channel), (-1.0, 2 * channel + 1)):
            encoder.conv_in.weight[place, channel, 1, 1] = sign
            decoder.conv_in.weight[place, channel, 1, 1] = sign
            encoder.conv_out.weight[channel, place, 1, 1] = 0.5 * sign
            decoder.conv_out.weight[channel, place, 1, 1] = 0.5 * sign
    for layer in (model.quant_conv, model.post_quant_conv):
        layer.weight[:3] = 0
        layer.weight[range(3), range(3)] = 1
        layer.bias[:3] = 0
    for layer in (encoder.conv_out, decoder.conv_out):
        layer.bias[:3] = 0


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
