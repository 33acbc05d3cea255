"""Models of the golden cases, filled with their weights."""

from torch import nn

from dpt.models import DPTDepthModel
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
    _scale(model.model.diffusion_model.out[2], 0.1)
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


def whole_model(config: dict) -> LatentDiffusion:
    """Return the model of a whole run, all of it filled, but for its text encoder.

    Some of its last layers are scaled down, so that pictures keep within their range.
    """
    model = weights.fill(instantiate_from_config(config["model"])).eval().requires_grad_(False)
    _scale(model.first_stage_model.decoder.conv_out, config["decoder_conv_out_times"])
    _scale(model.model.diffusion_model.out[2], config.get("unet_out_2_times", 1))
    return model


def whole_depth_network(config: dict) -> DPTDepthModel:
    """Return the full-size DPT-Hybrid of a whole run."""
    return fill_depth_network(DPTDepthModel().eval(), config["dpt_output_conv_4_bias"])


def fill_depth_network(network: DPTDepthModel, bias: float = 4.0) -> DPTDepthModel:
    """Fill a depth network by its own names; the bias keeps its output above zero."""
    weights.fill(network).scratch.output_conv[4].bias.data.fill_(bias)
    return network.requires_grad_(False)


def _scale(layer: nn.Module, factor: float) -> None:
    for parameter in layer.parameters():
        parameter.data.mul_(factor)
