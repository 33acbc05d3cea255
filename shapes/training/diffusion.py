"""Training the text-conditioned diffusion model, and its depth-conditioned sibling."""

import copy
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from dpt.weights import read_tensors
from ldm.checkpoint import save_checkpoint
from ldm.models.diffusion.ddim import DDIMSampler
from ldm.models.diffusion.ddpm import LatentDiffusion
from ldm.util import instantiate_from_config
from shapes.training.columns import COLUMNS, DenoiserReader, column_numbers
from shapes.training.finer_start import load_below_new_level
from shapes.training.latents import latent_pool
from shapes.training.pool import join_pools, open_pool, to_network
from shapes.training.settings import Settings, Stage
from shapes.training.task import Task
from shapes.training.vocabulary import shapes_vocabulary
from shapes.training.weights import (
    DENOISER,
    SHARED_AUTOENCODER,
    SHARED_PARTS,
    autoencoder_config,
    load_part,
    load_strictly,
    require_file,
)
from shapes.world.outline import outline
from shapes.world.scene import SHAPES

STEM = "model.diffusion_model.input_blocks.0.0.weight"
DROPPED = 0.1
LEAD_INS = ("a photo of ", "a picture of ", "an image with ", "a render of ")
LEAD_IN_SHARE = 0.1
# Shares of the schedule: where objects find their places and colours, where their outlines settle.
LAYOUT = (0.6, 1.0)
SETTLING = (0.35, 0.87)
SHEET_PROMPTS = (
    "a red sphere on a checkered floor",
    "a blue box on a wooden floor under a blue sky",
    "a yellow cone left of a purple cylinder",
    "a green torus",
    "a white sphere right of a tall orange cylinder on a striped floor",
    "a pink card and a black box on a stone floor",
    "a brown dotted cylinder under a cloudy sky",
    "an orange striped sphere in front of a blue wall in fog",
)
SHEET_STEPS = 20
SHEET_SCALE = 4.0


class DiffusionTask(Task):
    """Predict v of noisy latents under their captions.

    The text encoder stays as it is: trained along, it forgets which object is left of which.
    """

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        data = settings.data
        self.pools = {part.folder: open_pool(part.folder, part.scenes) for part in data.parts()}
        self.pool = join_pools(list(self.pools.values()))
        self.model_config = complete_config(settings)
        self.model: LatentDiffusion = instantiate_from_config(self.model_config)
        load_part(self.model.first_stage_model, settings.start_file("autoencoder"))
        if "diffusion" in settings.start:
            load_denoiser(self.model, settings.start_file("diffusion"))
        if "coarser_diffusion" in settings.start:
            coarser = settings.start_file("coarser_diffusion")
            load_below_new_level(self.model, read_denoiser(coarser), path=coarser)
        if "text" in settings.start:
            load_part(self.model.cond_stage_model, settings.start_file("text"))
        self.model.model.to(memory_format=torch.channels_last)
        self.tokens = self._tokenize()
        self.chances = torch.tensor(
            [objects_named(caption) ** data.many_objects for caption in self.pool.captions]
        )
        self.latents: dict[int, np.ndarray] = {}
        self.columns: Tensor | None = None
        if settings.loss.get("columns", 0.0):
            self.columns = column_numbers([outline(s, columns=COLUMNS) for s in data.seeds()])
            self.reader = DenoiserReader(self.model.model.diffusion_model)

    def _tokenize(self) -> tuple[Tensor, ...]:
        """Return the tokens of all captions plain and after each lead-in, and those of ""."""
        encoder = self.model.cond_stage_model
        captions = list(self.pool.captions)
        plain = encoder.tokenize(captions)
        led = encoder.tokenize([LEAD_INS[i % len(LEAD_INS)] + c for i, c in enumerate(captions)])
        return plain, led, encoder.tokenize([""])

    def loss(self, stage: Stage, generator: torch.Generator) -> Tensor:
        """Return the mean squared error of v and, if told, the loss of naming columns."""
        index = self.chances.multinomial(stage.batch, replacement=True, generator=generator)
        start = self._latents(stage.size_px, index)
        noise = torch.randn(start.shape, generator=generator).to(self.device)
        # Evenly spread timesteps in one batch make its loss less noisy.
        spread = (
            torch.arange(stage.batch) + torch.rand(stage.batch, generator=generator)
        ) / stage.batch
        told = self.settings.loss
        chosen = weighted_times(
            spread, layout=told.get("layout_share", 0.0), settling=told.get("settling_share", 0.0)
        )
        last = self.model.num_timesteps - 1  # rounding may lift a time to 1
        t = (chosen * self.model.num_timesteps).long().clamp(max=last).to(self.device)
        noisy = self.model.q_sample(start, t, noise)
        condition = self._condition(index, stage, generator=generator)
        found = self.model.apply_model(
            noisy.contiguous(memory_format=torch.channels_last), t, condition
        )
        target = self.model.training_target(start, noise, t)
        error = F.mse_loss(found.float(), target)
        if self.columns is None:
            return error
        return error + told["columns"] * self.reader.loss(self.columns[index].to(self.device))

    def _latents(self, size_px: int, index: Tensor) -> Tensor:
        """Return scaled latents (B, 4, h, w) of images `index`."""
        if size_px not in self.latents:
            found = [
                latent_pool(
                    pool,
                    self.model.first_stage_model,
                    size_px=size_px,
                    folder=folder,
                    device=self.device,
                )
                for folder, pool in self.pools.items()
            ]
            self.latents[size_px] = np.concatenate(found)
        chosen = torch.from_numpy(self.latents[size_px][index.numpy()]).float().to(self.device)
        return chosen * self.model.scale_factor

    def _condition(
        self, index: Tensor, stage: Stage, *, generator: torch.Generator
    ) -> dict[str, list[Tensor]]:
        """Return the text embedding; some captions are emptied, some get a lead-in."""
        plain, led, empty = self.tokens
        draw = torch.rand(len(index), 1, generator=generator)
        tokens = torch.where(draw < 1 - LEAD_IN_SHARE, plain[index], led[index])
        tokens = torch.where(draw < DROPPED, empty, tokens)
        return {
            "c_crossattn": [
                self.model.cond_stage_model.encode_with_transformer(tokens.to(self.device))
            ]
        }

    def sheet(self) -> Tensor:
        """Return images of fixed prompts from fixed noise."""
        model = self.model
        prompts = self._sheet_prompts()
        shape = (model.channels, model.image_size, model.image_size)
        noise = torch.randn(len(prompts), *shape, generator=torch.Generator().manual_seed(0))
        with torch.no_grad(), torch.autocast(self.device.type, dtype=torch.bfloat16):
            latents, _ = DDIMSampler(model).sample(
                SHEET_STEPS,
                len(prompts),
                shape,
                conditioning=self._sheet_condition(prompts),
                x_T=noise.to(self.device),
                unconditional_guidance_scale=SHEET_SCALE,
                unconditional_conditioning=self._sheet_condition([""] * len(prompts)),
            )
            images = model.decode_first_stage(latents.float()).float().cpu()
        return as_grid(self._sheet_images(images) / 2 + 0.5)

    def _sheet_prompts(self) -> list[str]:
        return list(SHEET_PROMPTS)

    def _sheet_condition(self, prompts: list[str]) -> Any:
        return self.model.get_learned_conditioning(prompts)

    def _sheet_images(self, images: Tensor) -> Tensor:
        return images

    def export(self, path: Path) -> None:
        """Write everything but the autoencoder, which has a file of its own."""
        save_checkpoint(
            self.model, path, {"model": self.model_config}, elsewhere=SHARED_AUTOENCODER
        )

    def compile_networks(self) -> None:
        """Compile the UNet, one graph for each input size."""
        self.model.model.diffusion_model.compile(dynamic=False)


class DepthDiffusionTask(DiffusionTask):
    """The same with a depth map as fifth input channel, from the weights of the plain model.

    The given map is now the small DPT's prediction, now the true disparity.
    """

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        load_part(self.model.depth_model.model, settings.start_file("dpt"))

    def _condition(
        self, index: Tensor, stage: Stage, *, generator: torch.Generator
    ) -> dict[str, list[Tensor]]:
        """Return the text embedding and the depth map at the latents' size."""
        condition = super()._condition(index, stage, generator=generator)
        side = stage.size_px // self.model.downsample_factor
        true = torch.from_numpy(np.stack([self.pool.disparity_px(i) for i in index.tolist()]))
        maps = depth_channel(true.float(), side)
        guessed = torch.rand(len(index), generator=generator) < self.settings.loss.get(
            "guessed", 0.5
        )
        if guessed.any():
            maps[guessed] = self._guess(index[guessed], side)
        return {**condition, "c_concat": [maps.to(self.device)]}

    @torch.no_grad()
    def _guess(self, index: Tensor, side: int) -> Tensor:
        """Return `depth_channel` (B, 1, side, side) of the network's own disparity."""
        images = to_network(np.stack([self.pool.image(i) for i in index.tolist()]))
        return depth_channel(
            self.model.depth_model(images.to(self.device))[:, 0].float().cpu(), side
        )

    def _sheet_prompts(self) -> list[str]:
        return list(self.pool.captions[: len(SHEET_PROMPTS)])

    def _sheet_condition(self, prompts: list[str]) -> Any:
        side = self.model.image_size
        maps = depth_channel(self._sheet_disparity(len(prompts)), side)
        embedding = self.model.get_learned_conditioning(prompts)
        return {"c_crossattn": [embedding], "c_concat": [maps.to(self.device)]}

    def _sheet_images(self, images: Tensor) -> Tensor:
        maps = depth_channel(self._sheet_disparity(len(images)), images.shape[-1])
        return torch.stack([maps.expand(-1, 3, -1, -1), images], dim=1).flatten(0, 1)

    def _sheet_disparity(self, count: int) -> Tensor:
        return torch.from_numpy(np.stack([self.pool.disparity_px(i) for i in range(count)])).float()

    def export(self, path: Path) -> None:
        """Write everything but autoencoder and depth network, which have files of their own."""
        save_checkpoint(self.model, path, {"model": self.model_config}, elsewhere=SHARED_PARTS)


def weighted_times(spread: Tensor, *, layout: float, settling: float) -> Tensor:
    """Map `spread`, even in [0, 1], to times there, of which these shares lie in LAYOUT, SETTLING.

    The others stay even, so that no time is left out.
    """
    times = (spread - layout - settling) / max(1 - layout - settling, 1e-6)
    times = torch.where(
        spread < layout + settling,
        _within(SETTLING, (spread - layout) / max(settling, 1e-6)),
        times,
    )
    return torch.where(spread < layout, _within(LAYOUT, spread / max(layout, 1e-6)), times)


def _within(span: tuple[float, float], share: Tensor) -> Tensor:
    return span[0] + (span[1] - span[0]) * share


def complete_config(settings: Settings) -> dict[str, Any]:
    """Return the model's configuration with what only the parts before it decide.

    That is the autoencoder and the scale of its latents, and the words that captions use.
    """
    config = copy.deepcopy(dict(settings.model))
    params = config["params"]
    params["first_stage_config"], params["scale_factor"] = autoencoder_config(
        settings.start_file("autoencoder")
    )
    params["cond_stage_config"]["params"]["vocabulary"] = shapes_vocabulary()
    return config


def depth_channel(disparity: Tensor, side: int) -> Tensor:
    """Return the UNet's depth channel (B, 1, side, side) in [-1, 1] of disparities (B, H, W).

    Resized bicubically and stretched to the full range, as the published model was given it.
    """
    maps = F.interpolate(disparity[:, None], size=(side, side), mode="bicubic", align_corners=False)
    low, high = maps.amin(dim=(1, 2, 3), keepdim=True), maps.amax(dim=(1, 2, 3), keepdim=True)
    return 2 * (maps - low) / (high - low).clamp(min=1e-6) - 1


def load_denoiser(model: LatentDiffusion, path: Path) -> None:
    """Start from the UNet and the text encoder of another run.

    Input channels that it lacks begin at zero, so that they change nothing at first.

    Raises:
        FileNotFoundError: `path` is not there.
        ValueError: its weights do not fit.
    """
    tensors = read_denoiser(path)
    stem = tensors[STEM]
    more = model.model.diffusion_model.in_channels - stem.shape[1]
    if more < 0:
        raise ValueError(
            f"{path}: its denoiser takes {stem.shape[1]} channels, expected at most "
            f"{model.model.diffusion_model.in_channels}"
        )
    tensors[STEM] = F.pad(stem, (0, 0, 0, 0, 0, more))
    load_strictly(model, tensors, path=path, prefixes=DENOISER)


def read_denoiser(path: Path) -> dict[str, Tensor]:
    """Return the weights of another run's UNet and text encoder in float32.

    Raises:
        FileNotFoundError: `path` is not there.
        ValueError: it holds none.
    """
    require_file(path)
    tensors, _ = read_tensors(path)
    if STEM not in tensors:
        raise ValueError(f"{path}: holds no denoiser ({STEM} is missing)")
    return {n: t.float() for n, t in tensors.items() if n.startswith(DENOISER)}


def objects_named(caption: str) -> int:
    """Return how many objects `caption` names, at least 1."""
    return max(1, sum(word in SHAPES for word in caption.split()))


def as_grid(images: Tensor, *, columns: int = 4) -> Tensor:
    """Lay images (B, 3, H, W) out in rows; B is a multiple of `columns`."""
    rows = [torch.cat(list(row), dim=2) for row in images.split(columns)]
    return torch.cat(rows, dim=1).clamp(0, 1)
