"""Which published model a checkpoint is, told from the names and shapes of its weights."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

UNET = "model.diffusion_model."
INPUT = UNET + "input_blocks.0.0.weight"  # (C, input channels, 3, 3)
CONTEXT = re.compile(re.escape(UNET) + r".*\.attn2\.to_k\.weight")  # (C, context width)
CLASS_LABELS = UNET + "label_emb."
OPEN_CLIP_TOKENS = "cond_stage_model.model.token_embedding.weight"
CLIP_TOKENS = "cond_stage_model.transformer.text_model.embeddings.token_embedding.weight"
DEPTH_MODEL = "depth_model."

# Input channels that a known kind of model has and this code does not run.
OTHER_KINDS = {7: "an upscaler", 8: "an image-editing model", 9: "an inpainting model"}
# A name that gives away what else a weight file is.
OTHER_FILES = (
    ("conditioner.embedders.", "a checkpoint in the layout of SDXL"),
    ("pretrained.model.cls_token", "a DPT depth model, not a diffusion model"),
    ("down_blocks.", "a UNet in the diffusers layout, not a whole checkpoint"),
    ("first_stage_model.", "an autoencoder without a UNet"),
    ("decoder.conv_in.", "an autoencoder without a UNet"),
    ("encoder.conv_in.", "an autoencoder without a UNet"),
    ("lora_", "a LoRA, not a whole checkpoint"),
    ("control_model.", "a ControlNet, not a whole checkpoint"),
)
EXPECTED = "expected a Stable Diffusion 1.x, 2.x or 2-depth checkpoint, or a config beside it"

PREDICTION_TYPES = {
    "epsilon": "eps",
    "eps": "eps",
    "v": "v",
    "v_prediction": "v",
    "v-prediction": "v",
}


@dataclass(frozen=True)
class Architecture:
    """What tells the published models apart."""

    input_channels: int
    context_width: int | None
    text_encoder: str | None
    has_depth_model: bool
    has_class_labels: bool

    @property
    def config_name(self) -> str | None:
        """Return the configuration that fits, "v2" standing for either 2.x one; None if none."""
        if self.has_class_labels:
            return None
        known = {
            (4, 768, "clip", False): "v1-inference",
            (4, 1024, "open_clip", False): "v2",
            (5, 1024, "open_clip", True): "v2-midas-inference",
        }
        return known.get(
            (self.input_channels, self.context_width, self.text_encoder, self.has_depth_model)
        )

    def __str__(self) -> str:
        names = {
            "v1-inference": "a Stable Diffusion 1.x model",
            "v2": "a Stable Diffusion 2.x model",
            "v2-midas-inference": "a Stable Diffusion 2 depth model",
        }
        if self.config_name:
            return names[self.config_name]
        kind = OTHER_KINDS.get(self.input_channels, "a latent diffusion model")
        depth = "a" if self.has_depth_model else "no"
        return (
            f"{kind} with {self.input_channels} input channels, context width "
            f"{self.context_width}, {self.text_encoder or 'no known'} text encoder "
            f"and {depth} depth model"
        )


def read_architecture(weights: Mapping[str, Tensor], path: Path) -> Architecture:
    """Return what `weights` (of a file or of a model) are; ValueError if no diffusion model."""
    if INPUT not in weights or weights[INPUT].ndim != 4:
        raise ValueError(f"{path}: holds {_other_file(weights)}; {EXPECTED}")
    text = {OPEN_CLIP_TOKENS: "open_clip", CLIP_TOKENS: "clip"}
    contexts = (w for name, w in weights.items() if CONTEXT.fullmatch(name) and w.ndim == 2)
    context = next(contexts, None)
    return Architecture(
        input_channels=weights[INPUT].shape[1],
        context_width=None if context is None else context.shape[1],
        text_encoder=next((kind for name, kind in text.items() if name in weights), None),
        has_depth_model=any(name.startswith(DEPTH_MODEL) for name in weights),
        has_class_labels=any(name.startswith(CLASS_LABELS) for name in weights),
    )


def recognise_config(
    weights: Mapping[str, Tensor], path: Path, *, metadata: Mapping[str, str]
) -> str:
    """Return the name of the published configuration that fits `weights`."""
    architecture = read_architecture(weights, path)
    name = architecture.config_name
    if name is None:
        raise ValueError(f"{path}: holds {architecture}; {EXPECTED}")
    if name != "v2":
        return name
    predicts_v = guess_parameterization(path, metadata=metadata) == "v"
    return "v2-inference-v" if predicts_v else "v2-inference"


def guess_parameterization(path: Path, *, metadata: Mapping[str, str]) -> str:
    """Return "v" or "eps" for a Stable Diffusion 2.x file, whose weights do not tell.

    The first that applies: the metadata key "modelspec.prediction_type"; a name with "768",
    "v-ema", "vpred" or "v-pred" means v; a name with "512", "base" or "eps" means eps (so all
    published names come out right); otherwise v, as version 2.1 was mostly passed on.
    """
    stated = PREDICTION_TYPES.get(metadata.get("modelspec.prediction_type", "").lower())
    if stated:
        return stated
    name = path.stem.lower()
    if re.search(r"768|v-ema|v[-_]?pred", name):
        return "v"
    return "eps" if re.search(r"512|base|eps", name) else "v"


def _other_file(names: Mapping[str, Tensor]) -> str:
    for start, what in OTHER_FILES:
        if any(name.startswith(start) for name in names):
            return what
    return f"no diffusion model ({INPUT} is not among its {len(names)} tensors)"
