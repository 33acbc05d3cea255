"""The denoising U-Net."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ldm.modules.diffusionmodules.unet_blocks import (
    LayerFactory,
    build_head,
    build_input_blocks,
    build_middle_block,
    build_output_blocks,
    build_time_embed,
    plan_levels,
)
from ldm.modules.diffusionmodules.util import timestep_embedding
from ldm.util import published_keys, require


class UNetModel(nn.Module):
    """U-Net with cross-attention (Rombach et al. 2022); keys and parameters as published.

    Runs in the dtype of its weights and returns the dtype of `x`. `attention_resolutions` are
    downsampling factors. `transformer_depth` and `num_res_blocks` are one number or one a level.
    """

    # What prompts should lead it by, where that is not the workflows' published scale.
    guidance_scale: float | None = None

    @published_keys(
        *("image_size", "use_checkpoint", "use_fp16", "use_bf16", "legacy"),
        *("num_heads_upsample", "use_new_attention_order"),
        dims=2,
        num_classes=None,
        n_embed=None,
        adm_in_channels=None,
        conv_resample=True,
        use_scale_shift_norm=False,
        resblock_updown=False,
        use_spatial_transformer=True,
        num_attention_blocks=None,
        disable_middle_self_attn=False,
    )
    def __init__(
        self,
        *,
        in_channels: int = 4,
        model_channels: int,
        out_channels: int,
        num_res_blocks: int | Sequence[int],
        attention_resolutions: Sequence[int],
        dropout: float = 0.0,
        channel_mult: Sequence[int] = (1, 2, 4, 8),
        num_heads: int = -1,
        num_head_channels: int = -1,
        transformer_depth: int | Sequence[int] = 1,
        context_dim: int | None = None,
        disable_self_attentions: Sequence[bool] | None = None,
        use_linear_in_transformer: bool = False,
    ) -> None:
        super().__init__()
        require("disable_self_attentions", any(disable_self_attentions or ()), False)
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.model_channels = model_channels
        self.context_dim = context_dim
        self.size_multiple = 2 ** (len(channel_mult) - 1)
        layers = LayerFactory(
            emb_channels=4 * model_channels,
            num_heads=num_heads,
            num_head_channels=num_head_channels,
            context_dim=context_dim,
            use_linear=use_linear_in_transformer,
            dropout=dropout,
        )
        levels = plan_levels(
            model_channels,
            channel_mult,
            attention_resolutions=attention_resolutions,
            num_res_blocks=num_res_blocks,
            transformer_depth=transformer_depth,
        )
        self.time_embed = build_time_embed(model_channels, layers.emb_channels)
        stem = nn.Conv2d(in_channels, model_channels, 3, padding=1)
        self.input_blocks, skips = build_input_blocks(stem, levels, layers=layers)
        self.middle_block = build_middle_block(levels[-1], layers=layers)
        self.output_blocks = build_output_blocks(levels, skips, layers=layers)
        self.out = build_head(levels[0].channels, out_channels)

    @property
    def dtype(self) -> torch.dtype:
        """The dtype of the weights, in which everything but the timestep's sinusoids runs."""
        return self.time_embed[0].weight.dtype

    def embed_time(self, timesteps: Tensor) -> Tensor:
        """Embed timesteps (B,) for the residual blocks, (B, emb_channels)."""
        return self.time_embed(timestep_embedding(timesteps, self.model_channels).to(self.dtype))

    @published_keys(y=None)
    def forward(self, x: Tensor, timesteps: Tensor, context: Tensor | None = None) -> Tensor:
        """Map x (B, in_channels, h, w) at timesteps (B,) to (B, out_channels, h, w).

        Args:
            x: latents; h and w are multiples of 2 to the power (levels - 1).
            timesteps: one a sample, 0 to 999.
            context: text embeddings (B, tokens, context_dim).

        Raises:
            ValueError: a shape does not fit.
        """
        self._check_shapes(x, timesteps, context)
        emb = self.embed_time(timesteps)
        context = None if context is None else context.to(self.dtype)
        h = x.to(self.dtype)
        skips = []
        for block in self.input_blocks:
            h = block(h, emb, context)
            skips.append(h)
        h = self.middle_block(h, emb, context)
        for block in self.output_blocks:
            h = block(torch.cat([h, skips.pop()], dim=1), emb, context)
        return self.out(h).to(x.dtype)

    def _check_shapes(self, x: Tensor, timesteps: Tensor, context: Tensor | None) -> None:
        if x.ndim != 4 or x.shape[1] != self.in_channels:
            raise ValueError(
                f"x: got shape {tuple(x.shape)}, expected (B, {self.in_channels}, h, w)"
            )
        batch, _, height, width = x.shape
        multiple = self.size_multiple
        if height % multiple or width % multiple:
            raise ValueError(f"x: got {width}x{height}, expected multiples of {multiple}")
        if timesteps.shape != (batch,):
            raise ValueError(f"timesteps: got shape {tuple(timesteps.shape)}, expected ({batch},)")
        if self.context_dim is None:
            return
        shape = () if context is None else tuple(context.shape)
        if len(shape) != 3 or shape[::2] != (batch, self.context_dim):
            found = None if context is None else f"shape {shape}"
            expected = f"({batch}, tokens, {self.context_dim})"
            raise ValueError(f"context: got {found}, expected {expected}")
