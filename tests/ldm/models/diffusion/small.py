"""Configurations as people's files have them, and small models of them."""

from omegaconf import OmegaConf

from ldm.models.diffusion.ddpm import LatentDepth2ImageDiffusion, LatentDiffusion
from ldm.util import instantiate_from_config
from tests.golden import weights

V1_FILE = """
model:
  base_learning_rate: 1.0e-04
  target: ldm.models.diffusion.ddpm.LatentDiffusion
  params:
    linear_start: 0.00085
    linear_end: 0.0120
    num_timesteps_cond: 1
    log_every_t: 200
    timesteps: 1000
    first_stage_key: "jpg"
    cond_stage_key: "txt"
    image_size: 64
    channels: 4
    cond_stage_trainable: false   # Note: different from the one we trained before
    conditioning_key: crossattn
    monitor: val/loss_simple_ema
    scale_factor: 0.18215
    use_ema: False
    scheduler_config: # never built here
      target: ldm.lr_scheduler.LambdaLinearScheduler
      params:
        warm_up_steps: [ 10000 ]
        cycle_lengths: [ 10000000000000 ]
        f_start: [ 1.e-6 ]
        f_max: [ 1. ]
        f_min: [ 1. ]
    unet_config:
      target: ldm.modules.diffusionmodules.openaimodel.UNetModel
      params:
        image_size: 32 # unused
        in_channels: 4
        out_channels: 4
        model_channels: 320
        attention_resolutions: [ 4, 2, 1 ]
        num_res_blocks: 2
        channel_mult: [ 1, 2, 4, 4 ]
        num_heads: 8
        use_spatial_transformer: True
        transformer_depth: 1
        context_dim: 768
        use_checkpoint: True
        legacy: False
    first_stage_config:
      target: ldm.models.autoencoder.AutoencoderKL
      params:
        embed_dim: 4
        monitor: val/rec_loss
        ddconfig:
          double_z: true
          z_channels: 4
          resolution: 256
          in_channels: 3
          out_ch: 3
          ch: 128
          ch_mult: [1, 2, 4, 4]
          num_res_blocks: 2
          attn_resolutions: []
          dropout: 0.0
        lossconfig:
          target: torch.nn.Identity
    cond_stage_config:
      target: torch.nn.Identity
"""
V2_CHANGES = {
    "unet_config.params.use_fp16": True,
    "unet_config.params.num_head_channels": 64,
    "unet_config.params.use_linear_in_transformer": True,
    "unet_config.params.context_dim": 1024,
}
DEPTH_CHANGES = {
    **V2_CHANGES,
    "unet_config.params.in_channels": 5,
    "conditioning_key": "hybrid",
    "finetune_keys": None,
    "depth_stage_config": {"target": "torch.nn.Identity"},
}
SMALL_CHANGES = {
    "unet_config.params.model_channels": 32,
    "unet_config.params.channel_mult": [1, 2],
    "unet_config.params.num_res_blocks": 1,
    "unet_config.params.context_dim": 8,
    "first_stage_config.params.ddconfig.ch": 32,
    "first_stage_config.params.ddconfig.ch_mult": [1, 1, 1, 1],
    "first_stage_config.params.ddconfig.num_res_blocks": 1,
}


def config_with(changes: dict, target: str = "LatentDiffusion") -> object:
    """Return the file's `model` node with some of its parameters changed."""
    config = OmegaConf.create(V1_FILE).model
    for key, value in changes.items():
        OmegaConf.update(config, f"params.{key}", value)
    config.target = f"ldm.models.diffusion.ddpm.{target}"
    return config


def small_model(**changes: object) -> LatentDiffusion:
    model = instantiate_from_config(config_with({**SMALL_CHANGES, **changes}))
    return weights.fill(model).eval()


def small_depth_model() -> LatentDepth2ImageDiffusion:
    changes = {**DEPTH_CHANGES, **SMALL_CHANGES, "unet_config.params.num_head_channels": 16}
    return weights.fill(
        instantiate_from_config(config_with(changes, "LatentDepth2ImageDiffusion"))
    ).eval()
