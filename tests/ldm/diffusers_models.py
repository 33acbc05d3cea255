"""Models with random weights at small widths, as diffusers and transformers build and save them."""

from pathlib import Path

import torch
from diffusers import (
    AutoencoderKL,
    DDIMScheduler,
    StableDiffusionPipeline,
    UNet2DConditionModel,
)
from transformers import CLIPTextConfig, CLIPTextModel

WIDTHS = (32, 64, 64, 64)
# Of each architecture: what its text encoder computes, its blocks, heads, and kind of projection.
TEXT = {
    "v1": {"hidden_act": "quick_gelu", "hidden_size": 32},
    "v2": {"hidden_act": "gelu", "hidden_size": 64},
}
UNET = {
    "v1": {"attention_head_dim": 4, "cross_attention_dim": 32},
    "v2": {
        "attention_head_dim": [2, 4, 4, 4],
        "cross_attention_dim": 64,
        "use_linear_projection": True,
    },
}
KINDS = {
    "1.5": ("v1", {}),
    "2.1 base": ("v2", {}),
    "2.1": ("v2", {"prediction_type": "v_prediction"}),
    "zero terminal SNR": (
        "v2",
        {
            "prediction_type": "v_prediction",
            "rescale_betas_zero_snr": True,
            "timestep_spacing": "trailing",
        },
    ),
    "linear betas": ("v1", {"beta_schedule": "linear"}),
}


def build_unet(family: str, *, in_channels: int = 4, **sizes: object) -> UNet2DConditionModel:
    sizes = {"block_out_channels": WIDTHS, "sample_size": 8, "layers_per_block": 2} | sizes
    return UNet2DConditionModel(in_channels=in_channels, **{**UNET[family], **sizes})


def build_vae(**sizes: object) -> AutoencoderKL:
    levels = 4
    sizes = {"block_out_channels": WIDTHS, "layers_per_block": 2, "sample_size": 64} | sizes
    return AutoencoderKL(
        latent_channels=4,
        down_block_types=["DownEncoderBlock2D"] * levels,
        up_block_types=["UpDecoderBlock2D"] * levels,
        **sizes,
    )


def build_text(family: str, **sizes: object) -> CLIPTextModel:
    sizes = {"num_hidden_layers": 3, "num_attention_heads": 4} | TEXT[family] | sizes
    return CLIPTextModel(
        CLIPTextConfig(intermediate_size=4 * sizes["hidden_size"], vocab_size=49408, **sizes)
    )


def build_scheduler(**settings: object) -> DDIMScheduler:
    published = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
    published |= {"steps_offset": 1, "set_alpha_to_one": False, "clip_sample": False}
    return DDIMScheduler(**{**published, **settings})


def build_pipeline(kind: str) -> StableDiffusionPipeline:
    """Return a whole model; weights are spread enough that a wrong one shows."""
    family, settings = KINDS[kind]
    torch.manual_seed(0)
    parts = {"unet": build_unet(family), "vae": build_vae(), "text_encoder": build_text(family)}
    for part in parts.values():
        part.eval().requires_grad_(False)
        for parameter in part.parameters():
            parameter.add_(0.02 * torch.randn_like(parameter))
    return StableDiffusionPipeline(
        **parts,
        tokenizer=None,
        scheduler=build_scheduler(**settings),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def save(pipeline: object, folder: Path, **how: object) -> Path:
    pipeline.save_pretrained(folder, **how)
    return folder
