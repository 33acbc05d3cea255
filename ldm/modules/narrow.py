"""The published networks at widths where their 32 normalisation groups do not work.

With one channel a group, group normalisation removes the mean and the contrast of every channel,
and the network cannot say what colour a plain image has. Four channels a group, as the published
widths have, can. Only the number of groups differs; names and shapes of the weights are the same.
"""

from typing import Any

from torch import nn

from ldm.models.autoencoder import AutoencoderKL
from ldm.modules.diffusionmodules.openaimodel import UNetModel

CHANNELS_PER_GROUP = 4
MAX_GROUPS = 32


class SmallAutoencoderKL(AutoencoderKL):
    """Autoencoder with groups of at least four channels."""

    def __init__(self, *args: Any, **params: Any) -> None:
        super().__init__(*args, **params)
        widen_groups(self)


class SmallUNetModel(UNetModel):
    """U-Net with groups of at least four channels.

    A small model burns its colours where a prompt leads it as far as Stable Diffusion.
    """

    guidance_scale = 3.0

    def __init__(self, *args: Any, **params: Any) -> None:
        super().__init__(*args, **params)
        widen_groups(self)


def widen_groups(network: nn.Module) -> None:
    """Give every group normalisation in `network` groups of at least four channels."""
    for layer in network.modules():
        if isinstance(layer, nn.GroupNorm):
            layer.num_groups = min(MAX_GROUPS, layer.num_channels // CHANNELS_PER_GROUP)
