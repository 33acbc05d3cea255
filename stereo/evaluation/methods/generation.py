"""Settings of the methods that run Stable Diffusion, and the models they share."""

from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ldm.files import file_digest
from stereo.options import SamplingOptions

if TYPE_CHECKING:
    from dpt.models import DPTDepthModel
    from ldm.models.diffusion.ddpm import LatentDiffusion


@dataclass(frozen=True)
class Generation:
    """How diffusion methods run.

    Attributes:
        ckpt: Stable Diffusion; None takes the published file, else the embedded one.
        depthmodel_path: monocular depth network; None likewise.
        steps: DDIM steps.
        guidance_scale: classifier-free guidance.
        seed: of all noise, the same for every scene.
        inner_steps: optimisation steps of null-text inversion per DDIM step, at most.
        work_px: side of the square that Stable Diffusion runs at; None takes the model's own.
        prompted: give methods the scenes' descriptions instead of the empty prompt.
        precision: fp32, fp16, bf16; None takes fp16 on CUDA, fp32 elsewhere.
        device: cpu, cuda ...; None takes CUDA where there is one.
    """

    ckpt: Path | None = None
    depthmodel_path: Path | None = None
    steps: int = 50
    guidance_scale: float = 7.5
    seed: int = 42
    inner_steps: int = 10
    work_px: int | None = None
    prompted: bool = False
    precision: str | None = None
    device: str | None = None

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

    def settings(self) -> dict[str, Any]:
        """Return what decides about the pictures, JSON-able; not where they are computed.

        Raises:
            OSError: when the checkpoint is missing.
        """
        from ldm.checkpoint import checkpoint_digest
        from stereo.runtime.device import choose_device, choose_precision
        from stereo.runtime.models import find_checkpoint

        values = asdict(self)
        del values["device"], values["depthmodel_path"]
        dtype = choose_precision(self.precision, choose_device(self.device))
        values["precision"] = str(dtype).removeprefix("torch.")
        ckpt = find_checkpoint("image", self.ckpt)
        if not ckpt.is_file():
            raise FileNotFoundError(f"ckpt: {ckpt} does not exist, expected Stable Diffusion")
        return {**values, "ckpt": ckpt.name, "ckpt_digest": checkpoint_digest(ckpt)}

    def depth_settings(self) -> dict[str, Any]:
        """Return which depth network looks at the scenes, JSON-able.

        Raises:
            OSError: when it is missing.
        """
        from stereo.runtime.models import find_depth_checkpoint

        path = find_depth_checkpoint(self.depthmodel_path)
        if not path.is_file():
            raise FileNotFoundError(f"depthmodel_path: {path} does not exist, expected DPT")
        return {"depth_model": path.name, "depth_model_digest": file_digest(path)}


class Models:
    """Loads the models when they are first needed, once."""

    def __init__(self, generation: Generation) -> None:
        self.generation = generation

    @cached_property
    def diffusion(self) -> "LatentDiffusion":
        """Return Stable Diffusion with 4 channels."""
        from stereo.runtime.models import load_model

        told = self.generation
        return load_model("image", ckpt=told.ckpt, precision=told.precision, device=told.device)

    @cached_property
    def depth(self) -> "DPTDepthModel":
        """Return the monocular depth network."""
        from stereo.runtime.models import load_depth_model

        return load_depth_model(self.generation.depthmodel_path, device=self.generation.device)

    def monocular(self, image: np.ndarray) -> np.ndarray:
        """Return relative disparity (H, W) of an image (H, W, 3) uint8."""
        from stereo.depth.disparity import predict_disparity

        return predict_disparity(self.depth, image)
