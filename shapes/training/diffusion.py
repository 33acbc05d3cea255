"""Training the text-conditioned diffusion model."""

import copy
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ldm.models.diffusion.ddim import DDIMSampler
from ldm.models.diffusion.ddpm import LatentDiffusion
from ldm.saving import save_checkpoint
from shapes.training.columns import COLUMNS, DenoiserReader, column_numbers
from shapes.training.latents import latent_pool
from shapes.training.pool import join_pools, open_pool
from shapes.training.settings import Settings, Stage
from shapes.training.task import Task, grid
from shapes.training.vocabulary import with_vocabulary
from shapes.training.weights import (
    SHARED_AUTOENCODER,
    autoencoder_config,
    build_network,
    load_part,
)
from shapes.world.outline import outline
from shapes.world.scene import SHAPES

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
SHEET_COLUMNS = 4
SHEET_STEPS = 20
SHEET_SCALE = 4.0


class DiffusionTask(Task):
    """Predict v of noisy latents under their captions.

    The text encoder stays as it is: trained along, it forgets which object is left of which.
    """

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        data = settings.data
        pools = [open_pool(part.folder, part.scenes) for part in data.pools()]
        self.pool = join_pools(pools)
        self.model_config = complete_config(settings)
        self.model = build_network(self.model_config, LatentDiffusion)
        autoencoder = self.model.first_stage_model
        load_part(autoencoder, Path(settings.start["autoencoder"]))
        self._load_start()
        self.model.model.to(memory_format=torch.channels_last)
        self.tokens = self._tokenize()
        self.chances = torch.tensor(
            [objects_named(caption) ** data.many_objects for caption in self.pool.captions]
        )
        device = "cuda" if torch.cuda.is_available() else "cpu"
        self.latents = {
            size_px: np.concatenate(
                [
                    latent_pool(
                        pool, autoencoder, size_px=size_px, folder=part.folder, device=device
                    )
                    for pool, part in zip(pools, data.pools(), strict=True)
                ]
            )
            for size_px in {stage.size_px for stage in settings.stages}
        }
        self.columns: Tensor | None = None
        if settings.loss_weight("columns"):
            self.columns = column_numbers([outline(s, columns=COLUMNS) for s in data.seeds()])
            self.reader = DenoiserReader(self.model.model.diffusion_model)

    def _load_start(self) -> None:
        """Start from the text encoder that was trained alone."""
        load_part(self.model.cond_stage_model, Path(self.settings.start["text"]))

    def _tokenize(self) -> tuple[Tensor, ...]:
        """Return the tokens of all captions plain and after each lead-in, and those of ""."""
        encoder, captions = self.model.cond_stage_model, self.pool.captions
        plain = encoder.tokenize(captions)
        led = encoder.tokenize([LEAD_INS[i % len(LEAD_INS)] + c for i, c in enumerate(captions)])
        return plain, led, encoder.tokenize([""])

    def loss(self, stage: Stage, generator: torch.Generator) -> Tensor:
        """Return the mean squared error of v and, by its weight, the loss of naming columns."""
        weight = self.settings.loss_weight
        index = self.chances.multinomial(stage.batch, replacement=True, generator=generator)
        start = self._start_latents(stage, index)
        noise = torch.randn(start.shape, generator=generator).to(self.device)
        # Evenly spread timesteps in one batch make its loss less noisy.
        spread = (
            torch.arange(stage.batch) + torch.rand(stage.batch, generator=generator)
        ) / stage.batch
        times = weighted_times(
            spread, layout=weight("layout_share"), settling=weight("settling_share")
        )
        last = self.model.num_timesteps - 1  # rounding may lift a time to 1
        t = (times * self.model.num_timesteps).long().clamp(max=last).to(self.device)
        noisy = self.model.q_sample(start, t, noise)
        predicted = self.model.apply_model(
            noisy.contiguous(memory_format=torch.channels_last),
            t,
            self._condition(index, stage, generator=generator),
        )
        error = F.mse_loss(predicted.float(), self.model.training_target(start, noise, t))
        if self.columns is None:
            return error
        return error + weight("columns") * self.reader.loss(self.columns[index].to(self.device))

    def _start_latents(self, stage: Stage, index: Tensor) -> Tensor:
        """Return scaled latents (B, 4, h, w) of images `index`."""
        chosen = torch.from_numpy(self.latents[stage.size_px][index.numpy()])
        return chosen.float().to(self.device) * self.model.scale_factor

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
        return grid(self._sheet_images(list(SHEET_PROMPTS)), columns=SHEET_COLUMNS)

    def _sheet_images(self, prompts: list[str]) -> Tensor:
        """Return images (B, 3, H, W) in [0, 1] from fixed noise."""
        model = self.model
        shape = (model.channels, model.image_size, model.image_size)
        noise = torch.randn(len(prompts), *shape, generator=torch.Generator().manual_seed(0))
        with torch.autocast(self.device.type, dtype=torch.bfloat16):
            latents, _ = DDIMSampler(model).sample(
                SHEET_STEPS,
                len(prompts),
                shape,
                conditioning=self._sheet_condition(prompts),
                x_T=noise.to(self.device),
                unconditional_guidance_scale=SHEET_SCALE,
                unconditional_conditioning=self._sheet_condition([""] * len(prompts)),
            )
            return model.decode_first_stage(latents.float()).float().cpu() / 2 + 0.5

    def _sheet_condition(self, prompts: list[str]) -> Any:
        return self.model.get_learned_conditioning(prompts)

    def export(self, path: Path) -> None:
        """Write everything but the autoencoder, which has a file of its own."""
        save_checkpoint(
            self.model, path, {"model": self.model_config}, elsewhere=SHARED_AUTOENCODER
        )


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

    Raises:
        ValueError: it has no parameters, or its text encoder has none.
    """
    config = copy.deepcopy(settings.model)
    params = config.get("params")
    if not isinstance(params, dict) or not isinstance(params.get("cond_stage_config"), dict):
        raise ValueError("model: has no params, cond_stage_config, expected keys and values")
    params["first_stage_config"], params["scale_factor"] = autoencoder_config(
        Path(settings.start["autoencoder"])
    )
    params["cond_stage_config"] = with_vocabulary(params["cond_stage_config"])
    return config


def objects_named(caption: str) -> int:
    """Return how many objects `caption` names, at least 1."""
    return max(1, sum(word in SHAPES for word in caption.split()))
