"""Small models with random weights, of the same classes as the published ones."""

import pytest
import torch

from dpt.models import DPTDepthModel
from ldm.models.diffusion.ddpm import LatentDiffusion
from ldm.util import instantiate_from_config

TEXT_WIDTH = 32


def tiny_config(*, depth: bool) -> dict:
    """Return a configuration for 64 px pictures: 8x8 latents, two levels, two heads."""
    unet = {
        "in_channels": 5 if depth else 4,
        "out_channels": 4,
        "model_channels": 32,
        "attention_resolutions": [1, 2],
        "num_res_blocks": 1,
        "channel_mult": [1, 2],
        "num_head_channels": 16,
        "use_spatial_transformer": True,
        "use_linear_in_transformer": True,
        "transformer_depth": 1,
        "context_dim": TEXT_WIDTH,
    }
    autoencoder = {
        "embed_dim": 4,
        "ddconfig": {
            "double_z": True,
            "z_channels": 4,
            "resolution": 64,
            "in_channels": 3,
            "out_ch": 3,
            "ch": 32,
            "ch_mult": [1, 1, 1, 1],
            "num_res_blocks": 1,
            "attn_resolutions": [],
            "dropout": 0.0,
        },
    }
    text = {
        "arch": {
            "embed_dim": TEXT_WIDTH,
            "text_cfg": {"width": TEXT_WIDTH, "heads": 2, "layers": 2},
        },
        "vocabulary": [0, 49406, 49407],
    }
    params = {
        "parameterization": "v",
        "linear_start": 0.00085,
        "linear_end": 0.012,
        "image_size": 8,
        "channels": 4,
        "conditioning_key": "hybrid" if depth else "crossattn",
        "unet_config": _part("ldm.modules.diffusionmodules.openaimodel.UNetModel", unet),
        "first_stage_config": _part("ldm.models.autoencoder.AutoencoderKL", autoencoder),
        "cond_stage_config": _part("ldm.modules.encoders.modules.FrozenOpenCLIPEmbedder", text),
    }
    if depth:
        small = {"model_type": "dpt_shapes"}
        params["depth_stage_config"] = _part("ldm.modules.midas.api.MiDaSInference", small)
    name = "LatentDepth2ImageDiffusion" if depth else "LatentDiffusion"
    return _part(f"ldm.models.diffusion.ddpm.{name}", params)


def _part(target: str, params: dict) -> dict:
    return {"target": target, "params": params}


def _build(*, depth: bool) -> LatentDiffusion:
    torch.manual_seed(0)
    model = instantiate_from_config(tiny_config(depth=depth)).eval().requires_grad_(False)
    # Fresh networks end in zeros; without this every prediction would be zero.
    for parameter in model.model.parameters():
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.1)
    return model


@pytest.fixture(scope="session")
def tiny_model() -> LatentDiffusion:
    """Return a 4-channel model for pictures of 64 px."""
    return _build(depth=False)


@pytest.fixture(scope="session")
def tiny_depth_conditioned() -> LatentDiffusion:
    """Return a 5-channel model with a depth model inside."""
    return _build(depth=True)


@pytest.fixture(scope="session")
def tiny_dpt() -> DPTDepthModel:
    """Return a small depth network."""
    torch.manual_seed(0)
    model = DPTDepthModel(backbone="vit_small_shapes", non_negative=False)
    return model.eval().requires_grad_(False)
