"""The weights that a new autoencoder begins with.

From the usual random start colours drown in brightness, and stay lost for a thousand steps.
"""

import torch
from torch import nn

from ldm.models.autoencoder import AutoencoderKL
from ldm.modules.diffusionmodules.model import AttnBlock, Downsample, ResnetBlock, Upsample

START_LOGVAR = -6.0


@torch.no_grad()
def start_plainly(model: AutoencoderKL) -> None:
    """Let a new autoencoder begin as little more than averaging down and repeating up.

    The posterior begins with little noise: at deviation 1 all but one channel would be ignored.
    """
    for layer in model.modules():
        if isinstance(layer, ResnetBlock):
            nn.init.zeros_(layer.conv2.weight)
            if isinstance(layer.nin_shortcut, nn.Conv2d):
                nn.init.dirac_(layer.nin_shortcut.weight)
        elif isinstance(layer, AttnBlock):
            nn.init.zeros_(layer.proj_out.weight)
        elif isinstance(layer, Downsample):
            nn.init.zeros_(layer.conv.weight)
            layer.conv.weight[:, :, :2, :2] = torch.eye(len(layer.conv.weight))[..., None, None] / 4
        elif isinstance(layer, Upsample):
            nn.init.dirac_(layer.conv.weight)
    _pass_colours(model)
    model.quant_conv.bias[model.embed_dim :] = START_LOGVAR
    model.quant_conv.weight[model.embed_dim :] *= 0.1


def _pass_colours(model: AutoencoderKL) -> None:
    """Let three latent channels hold the colours averaged down, and the decoder show them.

    Each colour runs beside its negative, as silu(x) - silu(-x) = x.
    """
    encoder, decoder = model.encoder, model.decoder
    for layer in (encoder.conv_in, decoder.conv_in, encoder.conv_out, decoder.conv_out):
        layer.weight[: 6 if layer in (encoder.conv_in, decoder.conv_in) else 3] = 0
    for channel in range(3):
        for sign, place in ((1.0, 2 * channel), (-1.0, 2 * channel + 1)):
            encoder.conv_in.weight[place, channel, 1, 1] = sign
            decoder.conv_in.weight[place, channel, 1, 1] = sign
            encoder.conv_out.weight[channel, place, 1, 1] = 0.5 * sign
            decoder.conv_out.weight[channel, place, 1, 1] = 0.5 * sign
    for layer in (model.quant_conv, model.post_quant_conv):
        layer.weight[:3] = 0
        layer.weight[range(3), range(3)] = 1
        layer.bias[:3] = 0
    for layer in (encoder.conv_out, decoder.conv_out):
        layer.bias[:3] = 0
