"""DPTDepthModel: relative inverse depth (disparity) of single images."""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from dpt.blocks import Scratch
from dpt.vit import BACKBONES, Backbone
from dpt.weights import describe_misfit, read_tensors

SIDE_MULTIPLE_PX = 16


class DPTDepthModel(nn.Module):
    """Dense prediction transformer for depth, with the published names of weights.

    `backbone` is "vitb_rn50_384" (DPT-Hybrid), "vitl16_384" (DPT-Large) or "vit_small_shapes".
    `features` None takes the backbone's own (256, or 64 for the small one).
    `weight_standardisation` "timm045" is what the published hybrid was trained with; "timm" is
    that of timm >= 0.4.12. It matters for the hybrid only.
    """

    def __init__(
        self,
        path: str | Path | None = None,
        backbone: str = "vitb_rn50_384",
        non_negative: bool = True,
        features: int | None = None,
        *,
        scale: float = 1.0,
        shift: float = 0.0,
        invert: bool = False,
        readout: str = "project",
        channels_last: bool = False,
        use_bn: bool = False,
        enable_attention_hooks: bool = False,
        weight_standardisation: str = "timm045",
    ) -> None:
        super().__init__()
        if backbone not in BACKBONES:
            raise ValueError(f"backbone {backbone!r} is unknown; expected {', '.join(BACKBONES)}")
        if enable_attention_hooks:
            raise ValueError("enable_attention_hooks is not supported: attention maps are not kept")
        spec = BACKBONES[backbone]
        self.backbone, self.net_size_px = backbone, spec.net_size_px
        self.scale, self.shift, self.invert = scale, shift, invert
        self.channels_last = channels_last
        self.pretrained = Backbone(
            spec, readout=readout, weight_standardisation=weight_standardisation
        )
        self.scratch = Scratch(
            spec.channels, features or spec.features, use_bn=use_bn, non_negative=non_negative
        )
        if path is not None:
            _load_weights(self, Path(path), read_tensors(Path(path))[0])

    def forward(self, x: Tensor) -> Tensor:
        """Return relative inverse depth (B, H, W) of images (B, 3, H, W) in [-1, 1].

        Sides are multiples of 16 px. With `invert` the result is depth, 1 / (scale * d + shift).
        """
        if (
            x.ndim != 4
            or x.shape[1] != 3
            or any(n % SIDE_MULTIPLE_PX or not n for n in x.shape[2:])
        ):
            raise ValueError(
                f"x has shape {tuple(x.shape)}; expected (B, 3, H, W) with H and W "
                f"multiples of {SIDE_MULTIPLE_PX}"
            )
        if self.channels_last:
            x = x.contiguous(memory_format=torch.channels_last)
        inverse_depth = self.scratch(self.pretrained(x)).squeeze(1)  # (B, 1, H, W) -> (B, H, W)
        if not self.invert:
            return inverse_depth
        return 1 / (self.scale * inverse_depth + self.shift).clamp(min=1e-8)


def load_depth_model(path: str | Path, *, weight_standardisation: str = "timm045") -> DPTDepthModel:
    """Load a DPT file in evaluation mode; which backbone it has is told from its tensors.

    Raises: FileNotFoundError; ValueError when the file is not exactly one of the known models.
    """
    path = Path(path)
    tensors, _ = read_tensors(path)
    with torch.device("meta"):
        model = DPTDepthModel(
            backbone=recognise_backbone(tensors, path),
            weight_standardisation=weight_standardisation,
        )
    _load_weights(model, path, tensors)
    return model.eval().requires_grad_(False)


def recognise_backbone(tensors: Mapping[str, Tensor], path: Path) -> str:
    """Return the key of `BACKBONES` whose tensors these are."""
    embedding = tensors.get("pretrained.model.pos_embed")
    if embedding is not None:
        hybrid = "pretrained.model.patch_embed.backbone.stem.conv.weight" in tensors
        for name, spec in BACKBONES.items():
            if embedding.shape[-1] == spec.width and hybrid == (spec.stem is not None):
                return name
    known = ", ".join(BACKBONES)
    raise ValueError(f"{path}: holds no DPT depth model; expected one with a backbone of {known}")


def _load_weights(model: nn.Module, path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Assign `tensors` in float32, strictly."""
    expected = model.state_dict()
    misfit = describe_misfit(expected, tensors)
    if misfit:
        raise ValueError(f"{path}: does not fit {model.backbone}; {misfit}")
    ready = {name: tensor.to(expected[name].dtype) for name, tensor in tensors.items()}
    model.load_state_dict(ready, assign=True)
