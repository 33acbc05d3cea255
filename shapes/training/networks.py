"""The published networks at widths where their 32 normalisation groups do not work.

With one channel a group, group normalisation removes the mean and the contrast of every channel,
and the network cannot say what colour a plain image has. Four channels a group, as the published
widths have, can. Only the number of groups differs; names and shapes of the weights are the same.
"""

from collections.abc import Mapping
from typing import Any

from torch import nn

from ldm.models.autoencoder import AutoencoderKL
from ldm.modules.diffusionmodules.openaimodel import UNetModel

CHANNELS_PER_GROUP = 4
MOST_GROUPS = 32


class SmallAutoencoderKL(AutoencoderKL):
    """Autoencoder with groups of at least four channels."""

    def __init__(self, ddconfig: Mapping[str, Any], *, embed_dim: int = 4) -> None:
        super().__init__(ddconfig, embed_dim=embed_dim)
        widen_groups(self)


class SmallUNetModel(UNetModel):
    """U-Net with groups of at least four channels."""

    def __init__(
        self,
        image_size: int,
        in_channels: int,
        *,
        model_channels: int,
        out_channels: int,
        num_res_blocks: int,
        attention_resolutions: list[int],
        channel_mult: list[int],
        num_head_channels: int,
        context_dim: int,
        transformer_depth: int = 1,
        use_linear_in_transformer: bool = True,
    ) -> None:
        super().__init__(
            image_size,
            in_channels,
            model_channels=model_channels,
            out_channels=out_channels,
            num_res_blocks=num_res_blocks,
            attention_resolutions=attention_resolutions,
            channel_mult=channel_mult,
            num_head_channels=num_head_channels,
            context_dim=context_dim,
            transformer_depth=transformer_depth,
            use_linear_in_transformer=use_linear_in_transformer,
        )
        widen_groups(self)


def widen_groups(network: nn.Module) -> None:
    """Give every group normalisation in `network` groups of at least four channels."""
    for layer in network.modules():
        if isinstance(layer, nn.GroupNorm):
            layer.num_groups = min(MOST_GROUPS, layer.num_channels // CHANNELS_PER_GROUP)
