"""Which published model a checkpoint is, told from the names and shapes of its weights."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
EXPECTED = "expected a Stable Diffusion 1.x, 2.x or 2-depth checkpoint, or a config beside it"
WHOLE = "take a Stable Diffusion 1.x or 2.x checkpoint"
FOLDER = "take the whole folder, with model_index.json"
ADAPTED = "take the checkpoint that it was made for, or one that it was merged into"
# A name that gives away what else a checkpoint is, and what to take instead.
OTHER_MODELS = (
    (r"conditioner\.embedders\.", "Stable Diffusion XL (SDXL)", WHOLE),
    (r"(model\.diffusion_model\.)?joint_blocks\.", "Stable Diffusion 3", WHOLE),
    (r"(model\.diffusion_model\.)?double_blocks\.", "Flux", WHOLE),
)
# The same for files without a UNet of ours.
OTHER_FILES = (
    *OTHER_MODELS,
    (r"lora_(unet|te)|.*\.lora_(A|B|up|down)\b|.*\.lora\.", "a LoRA", ADAPTED),
    (r"control_model\.|controlnet_", "a ControlNet", ADAPTED),
    (r"emb_params", "a textual-inversion embedding", ADAPTED),
    (r"pretrained\.model\.cls_token", "a DPT depth model", WHOLE),
    (r"down_blocks\.", "a UNet in the diffusers layout alone", FOLDER),
    (r"(text_model\.)?encoder\.layers\.", "a text encoder alone", WHOLE),
    (r"first_stage_model\.|(en|de)coder\.conv_in\.", "an autoencoder without a UNet", WHOLE),
)
# What a whole checkpoint has, and what to do without.
PARTS = {
    "first_stage_model.": "no autoencoder (VAE): name one with --vae, a file or a diffusers folder",
    "cond_stage_model.": f"no text encoder: {WHOLE} that has one",
    DEPTH_MODEL: "no depth network: take a Stable Diffusion 2-depth checkpoint that has one",
}

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
        channels = f"with {self.input_channels} input channels"
        if self.input_channels in OTHER_KINDS:
            return f"{OTHER_KINDS[self.input_channels]} {channels}"
        depth = "a" if self.has_depth_model else "no"
        return (
            f"a latent diffusion model {channels}, context width {self.context_width}, "
            f"{self.text_encoder or 'no known'} text encoder and {depth} depth model"
        )


def read_architecture(weights: Mapping[str, Tensor], path: Path) -> Architecture:
    """Return what `weights` (of a file or of a model) are; ValueError if no diffusion model."""
    is_unet = INPUT in weights and weights[INPUT].ndim == 4
    for pattern, what, instead in OTHER_MODELS if is_unet else OTHER_FILES:
        if any(re.match(pattern, name) for name in weights):
            raise ValueError(f"{path}: holds {what}: {instead}")
    if not is_unet:
        counted = f"{INPUT} is not among its {len(weights)} tensors"
        raise ValueError(f"{path}: holds no diffusion model ({counted}); {EXPECTED}")
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
        lacking = architecture.text_encoder is None and architecture.input_channels in (4, 5)
        held = PARTS["cond_stage_model."] if lacking else f"{architecture}; {EXPECTED}"
        raise ValueError(f"{path}: holds {held}")
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


def stated_settings(weights: Mapping[str, Tensor], metadata: Mapping[str, str]) -> dict[str, Any]:
    """Return what a file says about its model beside its weights: v, zero terminal SNR."""
    stated = PREDICTION_TYPES.get(metadata.get("modelspec.prediction_type", "").lower())
    predicts = "v" if "v_pred" in weights else stated
    if predicts != "v" or "ztsnr" not in weights:
        return {"parameterization": predicts}
    trailing = {"timestep_spacing": "trailing"}
    return {"parameterization": "v", "zero_terminal_snr": True, "ddim_options": trailing}


def check_parts(expected: Mapping[str, Tensor], found: Mapping[str, Tensor], path: Path) -> None:
    """Raise ValueError if a whole part of a model is missing, or is stored in 8 bits."""
    for tensor in found.values():
        if tensor.is_floating_point() and tensor.element_size() == 1:
            kind = str(tensor.dtype).removeprefix("torch.")
            raise ValueError(
                f"{path}: holds weights of 8 bits ({kind}), which are not run here: take its fp16 "
                "or fp32 version"
            )
    for part, lacking in PARTS.items():
        wanted = any(name.startswith(part) for name in expected)
        if wanted and not any(name.startswith(part) for name in found):
            raise ValueError(f"{path}: holds {lacking}")
