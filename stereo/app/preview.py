"""Previews while a pair is denoised: latents to colours by a linear map, at next to no cost."""

import base64
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from stereo.pixels.codec import encode, image_to_tensor, tensor_to_images

if TYPE_CHECKING:
    from ldm.models.diffusion.ddpm import LatentDiffusion
    from stereo.method.run import StepReport

CHART_PX = 256
CHART_FIELDS = 8
CHART_SEED = 5


def colour_chart() -> np.ndarray:
    """Draw (256, 256, 3) uint8: soft colours in one half, fields with edges in the other."""
    generator = torch.Generator().manual_seed(CHART_SEED)
    colours = torch.rand(1, 3, CHART_FIELDS, CHART_FIELDS, generator=generator) * 2 - 1
    soft = F.interpolate(colours, (CHART_PX, CHART_PX), mode="bicubic")
    hard = F.interpolate(colours, (CHART_PX, CHART_PX), mode="nearest")
    top = torch.arange(CHART_PX)[:, None] < CHART_PX // 2
    return tensor_to_images(torch.where(top, soft, hard))[0]


@torch.no_grad()
def fit_colours(model: "LatentDiffusion") -> np.ndarray:
    """Fit the autoencoder by least squares: (C + 1, 3) float32, colours = [latents, 1] @ it."""
    chart = colour_chart()
    latents = encode(model, chart).cpu()
    seen = F.adaptive_avg_pool2d(image_to_tensor(chart, latents.device), latents.shape[-2:])
    columns = torch.cat([latents, torch.ones_like(latents[:, :1])], 1)  # (1, C + 1, h, w)
    fit = torch.linalg.lstsq(columns.flatten(2)[0].T, seen.flatten(2)[0].T)
    return fit.solution.numpy()


def draw_latents(latents: Tensor, colours: np.ndarray) -> np.ndarray:
    """Draw latents (C, h, w) as (h, w, 3) uint8."""
    values = latents.float().cpu().numpy().transpose(1, 2, 0)
    pixels = values @ colours[:-1] + colours[-1]
    return np.rint((pixels.clip(-1, 1) + 1) * 127.5).astype(np.uint8)


def data_uri(picture: np.ndarray, *, kind: str = "PNG") -> str:
    """Encode (H, W, 3) uint8 as the address of an image inside a page."""
    buffer = BytesIO()
    Image.fromarray(picture).save(buffer, kind)
    return f"data:image/{kind.lower()};base64,{base64.b64encode(buffer.getvalue()).decode()}"


class PairPreview:
    """Keeps what is known of both views of the first sample, as addresses for a page."""

    def __init__(self, colours: np.ndarray) -> None:
        self._colours = colours
        self.left: str | None = None
        self.right: str | None = None

    def update(self, report: "StepReport") -> None:
        """Draw the clean picture that a step predicts."""
        if report.stage == "pair":
            left, right = report.predicted.chunk(2)
            self.left, self.right = self._draw(left), self._draw(right)
        elif report.stage == "right":
            self.right = self._draw(report.predicted)
        else:
            self.left = self._draw(report.predicted)

    def _draw(self, predicted: Tensor) -> str:
        return data_uri(draw_latents(predicted[0], self._colours))
