"""Settings of the methods that run Stable Diffusion, and the models they share."""

from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ldm.models.diffusion.ddpm import LatentDiffusion
from ldm.stored import checkpoint_digest
from stereo.depth.disparity import DepthModel, predict_disparity
from stereo.depth.loading import (
    depth_digest,
    find_depth_checkpoint,
    load_depth_model,
)
from stereo.options import SamplingOptions
from stereo.runtime.device import choose_device, choose_precision
from stereo.runtime.models import find_checkpoint, find_vae, load_model
from stereo.runtime.places import place_name


@dataclass(frozen=True)
class GenerationSettings:
    """How diffusion methods run."""

    ckpt: Path | None = None  # Stable Diffusion; None takes the published file, else the embedded
    vae: Path | None = None  # autoencoder in the place of the checkpoint's
    depthmodel_path: Path | None = None  # monocular depth network; None likewise
    steps: int = 50  # of DDIM
    guidance_scale: float = 7.5  # of classifier-free guidance
    seed: int = 42  # of all noise, the same for every scene
    inner_steps: int = 10  # of null-text inversion per DDIM step, at most
    work_px: int | None = None  # side that Stable Diffusion works at; None takes the model's own
    prompted: bool = False  # give methods the scenes' descriptions instead of the empty prompt
    precision: str | None = None  # fp32, fp16, bf16; None takes fp16 on CUDA, fp32 elsewhere
    device: str | None = None  # cpu, cuda ...; None takes CUDA where there is one

    def __post_init__(self) -> None:
        self.sampling()
        if self.inner_steps < 1:
            raise ValueError(f"inner_steps: got {self.inner_steps}, expected 1 or more")

    def sampling(self) -> SamplingOptions:
        """Return the sampling options of one picture."""
        return SamplingOptions(
            steps=self.steps,
            guidance_scale=self.guidance_scale,
            seed=self.seed,
            height_px=self.work_px,
            width_px=self.work_px,
        )

    def record(self) -> dict[str, Any]:
        """Return what decides the pictures, as JSON values; not where they are computed.

        Raises:
            OSError: when the checkpoint is missing.
        """
        values = asdict(self)
        del values["device"], values["depthmodel_path"]
        dtype = choose_precision(self.precision, choose_device(self.device))
        values["precision"] = str(dtype).removeprefix("torch.")
        ckpt = find_checkpoint("image", self.ckpt)
        values |= {"ckpt": place_name(ckpt), "ckpt_digest": checkpoint_digest(ckpt)}
        vae = find_vae(values.pop("vae"))
        if vae is not None:
            values |= {"vae": place_name(vae), "vae_digest": checkpoint_digest(vae)}
        return values

    def depth_record(self) -> dict[str, Any]:
        """Return which depth network looks at the scenes, as JSON values.

        Raises:
            OSError: when it is missing.
        """
        path = find_depth_checkpoint(self.depthmodel_path)
        return {"depth_model": place_name(path), "depth_model_digest": depth_digest(path)}


class Models:
    """Loads each model once, when it is first needed."""

    def __init__(self, generation: GenerationSettings) -> None:
        self.generation = generation

    @cached_property
    def diffusion(self) -> LatentDiffusion:
        """Return Stable Diffusion with 4 channels."""
        names = ("ckpt", "vae", "precision", "device")
        return load_model("image", **{name: getattr(self.generation, name) for name in names})

    @cached_property
    def depth(self) -> DepthModel:
        """Return the monocular depth network."""
        return load_depth_model(self.generation.depthmodel_path, device=self.generation.device)

    def monocular(self, image: np.ndarray) -> np.ndarray:
        """Return relative disparity (H, W) of an image (H, W, 3) uint8."""
        return predict_disparity(self.depth, image)
