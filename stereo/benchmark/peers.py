"""The same single image by diffusers' pipeline, with networks of the same shape."""

import importlib.util
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch

from ldm.models.diffusion.ddpm import LatentDiffusion
from ldm.modules.attention import SpatialTransformer
from ldm.modules.diffusionmodules.openaimodel import UNetModel
from ldm.modules.diffusionmodules.unet_blocks import ResBlock
from stereo.benchmark.measure import TEXT_TOKENS
from stereo.options import SamplingOptions

if TYPE_CHECKING:
    from diffusers import StableDiffusionPipeline

NEEDED = ("diffusers", "transformers")


def is_available() -> bool:
    """Return whether the packages are installed; nothing is imported."""
    return all(importlib.util.find_spec(name) is not None for name in NEEDED)


def peer_image(model: LatentDiffusion, sampling: SamplingOptions) -> Callable[[], None]:
    """Return a function that makes the images of `sampling` by diffusers, on random weights.

    Raises:
        ValueError: diffusers has no network of this shape.
    """
    pipeline = _pipeline(model)
    shape = (1, TEXT_TOKENS, model.model.diffusion_model.context_dim)
    embeddings = torch.zeros(shape, device=model.device, dtype=model.dtype)

    def work() -> None:
        pipeline(
            prompt_embeds=embeddings,
            negative_prompt_embeds=embeddings,
            num_images_per_prompt=sampling.samples,
            num_inference_steps=sampling.steps,
            guidance_scale=sampling.guidance_scale,
            height=sampling.height_px,
            width=sampling.width_px,
            output_type="np",
        )

    return work


def _pipeline(model: LatentDiffusion) -> "StableDiffusionPipeline":
    import diffusers

    unet = diffusers.UNet2DConditionModel(**unet_shape(model.model.diffusion_model))
    vae = diffusers.AutoencoderKL(**_autoencoder_shape(model))
    scheduler = diffusers.DDIMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
        prediction_type={"eps": "epsilon", "v": "v_prediction"}[model.parameterization],
    )
    pipeline = diffusers.StableDiffusionPipeline(
        vae=vae.to(model.device, torch.float32),
        text_encoder=None,
        tokenizer=None,
        unet=unet.to(model.device, model.dtype),
        scheduler=scheduler,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def unet_shape(unet: UNetModel) -> dict[str, Any]:
    """Describe a UNet in diffusers' words, read from its modules.

    Raises:
        ValueError: its levels differ in their numbers of blocks.
    """
    levels = _levels(unet)
    if len({len(level) for level in levels}) != 1:
        raise ValueError("unet: diffusers has none whose levels differ in their number of blocks")
    widths = [level[0][0].out_layers[3].out_channels for level in levels]
    transformers = [_transformer(level[0]) for level in levels]
    middle = _transformer(unet.middle_block)
    # The middle block gets those of the last level, which has no attention of its own.
    heads = [(t or middle).transformer_blocks[0].attn1.heads for t in transformers]
    down = ["CrossAttnDownBlock2D" if t else "DownBlock2D" for t in transformers]
    return {
        "in_channels": unet.in_channels,
        "out_channels": unet.out_channels,
        "block_out_channels": widths,
        "layers_per_block": len(levels[0]),
        "cross_attention_dim": unet.context_dim,
        "attention_head_dim": heads,  # its own name for the number of heads
        "use_linear_projection": middle.use_linear,
        "down_block_types": down,
        "up_block_types": [name.replace("Down", "Up") for name in reversed(down)],
    }


def _levels(unet: UNetModel) -> list[list[Any]]:
    """Return the blocks on the way down, level by level, without stem and downsampling."""
    levels: list[list[Any]] = [[]]
    for block in list(unet.input_blocks)[1:]:
        if isinstance(block[0], ResBlock):
            levels[-1].append(block)
        else:
            levels.append([])
    return levels


def _transformer(block: Any) -> SpatialTransformer | None:
    return next((layer for layer in block if isinstance(layer, SpatialTransformer)), None)


def _autoencoder_shape(model: LatentDiffusion) -> dict[str, Any]:
    config = model.first_stage_model.config
    levels = len(config.ch_mult)
    return {
        "in_channels": config.in_channels,
        "out_channels": config.out_ch,
        "latent_channels": config.z_channels,
        "block_out_channels": config.widths,
        "layers_per_block": config.num_res_blocks,
        "down_block_types": ["DownEncoderBlock2D"] * levels,
        "up_block_types": ["UpDecoderBlock2D"] * levels,
        "scaling_factor": model.scale_factor,
    }
