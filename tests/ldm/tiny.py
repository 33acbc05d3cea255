"""A diffusion model small enough to be written and read in a test."""

import numpy as np
import torch
from pytorch_lightning.callbacks import ModelCheckpoint

from ldm.models.diffusion.ddpm import LatentDiffusion

TINY = {
    "model": {
        "target": "ldm.models.diffusion.ddpm.LatentDiffusion",
        "params": {
            "parameterization": "v",
            "linear_start": 0.00085,
            "linear_end": 0.012,
            "timesteps": 1000,
            "channels": 4,
            "image_size": 8,
            "conditioning_key": "crossattn",
            "scale_factor": 0.18215,
            "unet_config": {
                "target": "ldm.modules.diffusionmodules.openaimodel.UNetModel",
                "params": {
                    "image_size": 8,
                    "in_channels": 4,
                    "out_channels": 4,
                    "model_channels": 32,
                    "attention_resolutions": [1],
                    "num_res_blocks": 1,
                    "channel_mult": [1],
                    "num_head_channels": 16,
                    "use_spatial_transformer": True,
                    "use_linear_in_transformer": True,
                    "transformer_depth": 1,
                    "context_dim": 16,
                    "legacy": False,
                },
            },
            "first_stage_config": {"target": "ldm.models.autoencoder.IdentityFirstStage"},
            "cond_stage_config": {
                "target": "ldm.modules.encoders.modules.FrozenOpenCLIPEmbedder",
                "params": {
                    "arch": {"embed_dim": 16, "text_cfg": {"width": 16, "heads": 2, "layers": 2}},
                    "layer": "penultimate",
                    "vocabulary": [0, 49406, 49407],
                },
            },
        },
    }
}


def lightning_payload(model: LatentDiffusion) -> dict:
    """Return what Lightning writes: callback state, EMA copies and counters beside the weights."""
    state = dict(model.state_dict())
    state["model_ema.decay"] = torch.tensor(0.9999)
    state["model_ema.diffusion_modelout2weight"] = torch.zeros(4)
    return {
        "epoch": 3,
        "global_step": 875000,
        "pytorch-lightning_version": "1.4.2",
        "state_dict": state,
        "callbacks": {
            ModelCheckpoint: {
                "best_model_score": torch.tensor(0.1),
                "best_model_path": "last.ckpt",
                "current_score": np.float64(0.25),
                "history": np.arange(3),
            },
            "ModelCheckpoint{'monitor': None}": ModelCheckpoint(monitor="loss").state_dict(),
        },
        "optimizer_states": [{"state": {}, "param_groups": [{"lr": 1e-4}]}],
        "lr_schedulers": [],
    }
