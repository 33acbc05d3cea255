"""Depth estimation inside a depth-conditioned latent diffusion model."""

import torch
from torch import Tensor, nn

from dpt.models import DPTDepthModel

BACKBONE_OF = {
    "dpt_hybrid": "vitb_rn50_384",
    "dpt_large": "vitl16_384",
    "dpt_shapes": "vit_small_shapes",
}


class MiDaSInference(nn.Module):
    """A frozen depth network; its weights come with the diffusion model's checkpoint."""

    def __init__(self, model_type: str, *, weight_standardisation: str = "timm045") -> None:
        super().__init__()
        if model_type not in BACKBONE_OF:
            expected = ", ".join(BACKBONE_OF)
            raise ValueError(f"model_type {model_type!r} is unknown; expected {expected}")
        self.model = DPTDepthModel(
            backbone=BACKBONE_OF[model_type], weight_standardisation=weight_standardisation
        )
        self.requires_grad_(False).eval()

    def train(self, mode: bool = True) -> "MiDaSInference":
        """Stay in evaluation mode, whatever the model around it does."""
        return super().train(False)

    @torch.no_grad()
    def forward(self, x: Tensor) -> Tensor:
        """Return disparity (B, 1, H, W) of images (B, 3, H, W) in [-1, 1]."""
        return self.model(x).unsqueeze(1)
