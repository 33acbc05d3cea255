"""Training the depth-conditioned diffusion model, from the weights of the plain one."""

from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from dpt.weights import read_tensors
from ldm.models.diffusion.ddpm import LatentDepth2ImageDiffusion, LatentDiffusion
from ldm.saving import save_checkpoint
from shapes.training.diffusion import SHEET_COLUMNS, SHEET_PROMPTS, DiffusionTask
from shapes.training.settings import Settings, Stage
from shapes.training.task import grid
from shapes.training.weights import (
    DENOISER,
    SHARED_PARTS,
    load_part,
    load_strictly,
    require_file,
)

STEM = "model.diffusion_model.input_blocks.0.0.weight"


class DepthDiffusionTask(DiffusionTask):
    """Predict v with a depth map as fifth input channel.

    The map is now the small DPT's prediction, now the true disparity.
    """

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        if not isinstance(self.model, LatentDepth2ImageDiffusion):
            raise ValueError("model, target: expected a kind of LatentDepth2ImageDiffusion")
        load_part(self.model.depth_model.model, Path(settings.start["dpt"]))

    def _load_start(self) -> None:
        load_denoiser(self.model, Path(self.settings.start["diffusion"]))

    def _condition(
        self, index: Tensor, stage: Stage, *, generator: torch.Generator
    ) -> dict[str, list[Tensor]]:
        """Return the text embedding and the depth map at the latents' size."""
        condition = super()._condition(index, stage, generator=generator)
        side = stage.size_px // self.model.downsample_factor
        maps = depth_channel(self.pool.disparities(index.tolist()), side)
        guessed = torch.rand(len(index), generator=generator) < self.settings.loss_weight("guessed")
        if guessed.any():
            maps[guessed] = self._guess(index[guessed], side)
        return {**condition, "c_concat": [maps.to(self.device)]}

    @torch.no_grad()
    def _guess(self, index: Tensor, side: int) -> Tensor:
        """Return `depth_channel` (B, 1, side, side) of the network's own disparity."""
        images = self.pool.images(index.tolist())
        disparity = self.model.depth_model(images.to(self.device))[:, 0]
        return depth_channel(disparity.float().cpu(), side)

    def sheet(self) -> Tensor:
        """Return images of the pool's captions, each behind its depth map."""
        prompts = self.pool.captions[: len(SHEET_PROMPTS)]
        images = self._sheet_images(prompts)
        maps = self._sheet_maps(len(prompts), images.shape[-1])
        pairs = torch.stack([maps.expand(-1, 3, -1, -1), images], dim=1)
        return grid(pairs.flatten(0, 1), columns=SHEET_COLUMNS)

    def _sheet_condition(self, prompts: list[str]) -> Any:
        maps = self._sheet_maps(len(prompts), self.model.image_size)
        embedding = self.model.get_learned_conditioning(prompts)
        return {"c_crossattn": [embedding], "c_concat": [maps.to(self.device)]}

    def _sheet_maps(self, count: int, side: int) -> Tensor:
        return depth_channel(self.pool.disparities(range(count)), side)

    def export(self, path: Path) -> None:
        """Write everything but autoencoder and depth network, which have files of their own."""
        save_checkpoint(self.model, path, {"model": self.model_config}, elsewhere=SHARED_PARTS)


def depth_channel(disparity: Tensor, side: int) -> Tensor:
    """Return the UNet's depth channel (B, 1, side, side) in [-1, 1] of disparities (B, H, W).

    Resized bicubically and stretched to the full range, as the published model was given it.
    """
    maps = F.interpolate(disparity[:, None], size=(side, side), mode="bicubic", align_corners=False)
    low, high = maps.amin(dim=(1, 2, 3), keepdim=True), maps.amax(dim=(1, 2, 3), keepdim=True)
    return 2 * (maps - low) / (high - low).clamp(min=1e-6) - 1


def load_denoiser(model: LatentDiffusion, path: Path) -> None:
    """Start from the UNet and the text encoder of another run, in float32.

    Input channels that it lacks begin at zero, so that they change nothing at first.

    Raises:
        FileNotFoundError: `path` is not there.
        ValueError: it holds no denoiser, or its weights do not fit.
    """
    require_file(path)
    tensors = {n: t.float() for n, t in read_tensors(path)[0].items() if n.startswith(DENOISER)}
    if STEM not in tensors:
        raise ValueError(f"{path}: holds no denoiser ({STEM} is missing)")
    channels, more = tensors[STEM].shape[1], model.model.diffusion_model.in_channels
    if channels > more:
        raise ValueError(f"{path}: its denoiser takes {channels} channels, expected at most {more}")
    tensors[STEM] = F.pad(tensors[STEM], (0, 0, 0, 0, 0, more - channels))
    load_strictly(model, tensors, path=path, prefixes=DENOISER)
