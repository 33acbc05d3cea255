"""Models of the golden cases, filled with their weights."""

from ldm.models.diffusion.ddpm import LatentDiffusion
from ldm.util import instantiate_from_config
from tests.golden import weights


def filled_model(config: dict) -> LatentDiffusion:
    """Return the model of a golden case; only the UNet has weights."""
    model = instantiate_from_config(config)
    weights.fill(model.model.diffusion_model)
    return model.eval()


def null_text_model(config: dict) -> LatentDiffusion:
    """Return the small SD1 model of the null-text cases."""
    model = filled_model(small_config(config["unet_ldm"]))
    for out in model.model.diffusion_model.out[2].parameters():
        out.data.mul_(0.1)
    return model


def small_config(unet: dict, **params: object) -> dict:
    """Return a configuration without autoencoder and text encoder."""
    return {
        "target": "ldm.models.diffusion.ddpm.LatentDiffusion",
        "params": {
            "linear_start": 0.00085,
            "linear_end": 0.012,
            "channels": 4,
            "unet_config": {
                "target": "ldm.modules.diffusionmodules.openaimodel.UNetModel",
                "params": unet,
            },
            "first_stage_config": {"target": "ldm.models.autoencoder.IdentityFirstStage"},
            "cond_stage_config": {"target": "torch.nn.Identity"},
            **params,
        },
    }
