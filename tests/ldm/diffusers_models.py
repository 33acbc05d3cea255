"""Models with random weights, small ones and of the published widths, as diffusers saves them."""

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

# Of each size and family, what its UNet and text encoder differ in from the libraries' defaults.
UNET = {
    "small v1": {"attention_head_dim": 4, "cross_attention_dim": 32},
    "small v2": {"attention_head_dim": [2, 4, 4, 4], "cross_attention_dim": 64},
    "full v1": {"attention_head_dim": 8, "cross_attention_dim": 768},
    "full v2": {"attention_head_dim": [5, 10, 20, 20], "cross_attention_dim": 1024},
}
TEXT = {
    "small v1": {"hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4},
    "small v2": {"hidden_size": 64, "num_hidden_layers": 3, "num_attention_heads": 4},
    "full v1": {"hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12},
    "full v2": {"hidden_size": 1024, "num_hidden_layers": 23, "num_attention_heads": 16},
}
WIDTHS = {  # of UNet and autoencoder
    "small": ((32, 64, 64, 64), (32, 64, 64, 64)),
    "full": ((320, 640, 1280, 1280), (128, 256, 512, 512)),
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


def build_unet(size: str, family: str, *, in_channels: int) -> UNet2DConditionModel:
    return UNet2DConditionModel(
        sample_size=8,
        in_channels=in_channels,
        block_out_channels=WIDTHS[size][0],
        use_linear_projection=family == "v2",
        **UNET[f"{size} {family}"],
    )


def build_vae(size: str) -> AutoencoderKL:
    widths = WIDTHS[size][1]
    return AutoencoderKL(
        latent_channels=4,
        layers_per_block=2,
        block_out_channels=widths,
        down_block_types=["DownEncoderBlock2D"] * len(widths),
        up_block_types=["UpDecoderBlock2D"] * len(widths),
    )


def build_text(size: str, family: str) -> CLIPTextModel:
    sizes = TEXT[f"{size} {family}"]
    act = {"v1": "quick_gelu", "v2": "gelu"}[family]
    inner = 4 * sizes["hidden_size"]
    return CLIPTextModel(
        CLIPTextConfig(vocab_size=49408, hidden_act=act, intermediate_size=inner, **sizes)
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


def build_depth(size: str) -> DPTForDepthEstimation:
    if size == "full":
        sizes = [256, 512, 768, 768]
        return DPTForDepthEstimation(DPTConfig(is_hybrid=True, neck_hidden_sizes=sizes))
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


def build_pipeline(
    kind: str, size: str = "small"
) -> StableDiffusionPipeline | StableDiffusionDepth2ImgPipeline:
    """Return a whole model; weights of small ones are spread enough that a wrong one shows."""
    family, settings = KINDS[kind]
    torch.manual_seed(0)
    has_depth = kind == "2-depth"
    parts = {"vae": build_vae(size), "text_encoder": build_text(size, family)}
    parts |= {"unet": build_unet(size, family, in_channels=5 if has_depth else 4)}
    parts |= {"depth_estimator": build_depth(size)} if has_depth else {}
    for part in parts.values():
        part.eval().requires_grad_(False)
        for parameter in part.parameters() if size == "small" else ():
            parameter.add_(0.02 * torch.randn_like(parameter))
    parts["scheduler"] = build_scheduler(**settings)
    if has_depth:
        last = parts["depth_estimator"].head.head[4]  # before a ReLU; spread, and above zero
        last.weight.mul_(30)
        last.bias.add_(2)
        others = {"tokenizer": None, "feature_extractor": None}
        return StableDiffusionDepth2ImgPipeline(**parts, **others)
    others = {"tokenizer": None, "safety_checker": None, "feature_extractor": None}
    return StableDiffusionPipeline(**parts, **others, requires_safety_checker=False)


def save(pipeline: object, folder: Path, **how: object) -> Path:
    pipeline.save_pretrained(folder, **how)
    return folder
