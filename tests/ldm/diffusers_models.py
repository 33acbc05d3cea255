"""Models with random weights at small widths, as diffusers and transformers build and save them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from diffusers import (
    AutoencoderKL,
    DDIMScheduler,
    StableDiffusionDepth2ImgPipeline,
    StableDiffusionPipeline,
    UNet2DConditionModel,
)
from transformers import (
    BitConfig,
    CLIPTextConfig,
    CLIPTextModel,
    DPTConfig,
    DPTForDepthEstimation,
)

from dpt.vit import BACKBONES, BackboneSpec, ResNetStem

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
    "2-depth": ("v2", {}),
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


@contextmanager
def small_hybrid() -> Iterator[None]:
    """Let the published hybrid have the sizes of `build_depth`, here and in folders."""
    stem = ResNetStem((1, 1, 2), (32, 64, 128), 16, norm_groups=8)
    sizes = {"taps": (2, 3), "channels": (32, 64, 48, 48), "features": 128, "stem": stem}
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(BACKBONES, "vitb_rn50_384", BackboneSpec(64, 48, 4, 3, **sizes))
        patch.setattr("ldm.diffusers_config.DEPTH_FIXED", {})
        yield


def build_depth() -> DPTForDepthEstimation:
    stem = BitConfig(
        depths=[1, 1, 2],
        hidden_sizes=[32, 64, 128],
        embedding_size=16,
        num_groups=8,
        global_padding="same",
        layer_type="bottleneck",
        embedding_dynamic_padding=True,
        out_features=["stage1", "stage2", "stage3"],
    )
    config = DPTConfig(
        is_hybrid=True,
        backbone_config=stem,
        backbone_featmap_shape=[1, 128, 4, 4],
        backbone_out_indices=[0, 1, 2, 3],
        neck_ignore_stages=[0, 1],
        neck_hidden_sizes=[32, 64, 48, 48],
        fusion_hidden_size=128,
        hidden_size=48,
        intermediate_size=192,
        num_hidden_layers=4,
        num_attention_heads=3,
        image_size=64,
    )
    return DPTForDepthEstimation(config)


def build_pipeline(kind: str) -> StableDiffusionPipeline | StableDiffusionDepth2ImgPipeline:
    """Return a whole model; weights are spread enough that a wrong one shows."""
    family, settings = KINDS[kind]
    torch.manual_seed(0)
    has_depth = kind == "2-depth"
    parts = {"vae": build_vae(), "text_encoder": build_text(family)}
    parts |= {"unet": build_unet(family, in_channels=5 if has_depth else 4)}
    parts |= {"depth_estimator": build_depth()} if has_depth else {}
    for part in parts.values():
        part.eval().requires_grad_(False)
        for parameter in part.parameters():
            parameter.add_(0.02 * torch.randn_like(parameter))
    parts["scheduler"] = build_scheduler(**settings)
    if has_depth:
        parts["depth_estimator"].head.head[4].bias.add_(5)  # before its last ReLU
        others = {"tokenizer": None, "feature_extractor": None}
        return StableDiffusionDepth2ImgPipeline(**parts, **others)
    others = {"tokenizer": None, "safety_checker": None, "feature_extractor": None}
    return StableDiffusionPipeline(**parts, **others, requires_safety_checker=False)


def save(pipeline: object, folder: Path, **how: object) -> Path:
    pipeline.save_pretrained(folder, **how)
    return folder
