"""Convolutions on a CPU, with weights laid out once as oneDNN computes on them.

PyTorch hands oneDNN the weights as they lie, so every call of a network lays all of them out
anew: 5 to 7 % of a denoising step (docs/benchmarks.md). The two functions that pack them are those
that TorchInductor calls in compiled networks.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

PACKABLE = (torch.float32, torch.bfloat16)


@dataclass(frozen=True)
class Packing:
    """A convolution's packed weights, and what they were packed from."""

    weight: Tensor
    source: tuple[int, int, torch.dtype]

    def __deepcopy__(self, memo: dict[int, Any]) -> "Packing":
        """Return itself: a copied layer has weights of its own, which it computes with."""
        return self


class PackedConv2d(nn.Conv2d):
    """A convolution that runs on packed weights, channels-last.

    Parameters stay what they are: with gradients, and once its weight was changed or moved, the
    layer computes with that.
    """

    packing: Packing

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 (the name of nn.Conv2d)
        """Map (B, C, h, w) as `nn.Conv2d` does."""
        x = input.contiguous(memory_format=torch.channels_last)
        if torch.is_grad_enabled() or self.packing.source != _source(self.weight):
            return super().forward(x)
        return torch.ops.mkldnn._convolution_pointwise(
            x, self.packing.weight, self.bias, *_shape(self), "none", [], ""
        )


def pack_convolutions(network: nn.Module) -> None:
    """Let the 2D convolutions of a network on the CPU run on packed weights.

    Does nothing where this PyTorch cannot.
    """
    if not (
        torch.backends.mkldnn.is_available()
        and hasattr(torch.ops.mkldnn, "_convolution_pointwise")
        and hasattr(torch._C._nn, "mkldnn_reorder_conv2d_weight")
    ):
        return
    for layer in network.modules():
        # Not of a subclass, which may compute something else.
        if type(layer) is nn.Conv2d and layer.weight.dtype in PACKABLE:
            _pack(layer)


def unpack_convolutions(network: nn.Module) -> bool:
    """Undo `pack_convolutions`; returns whether there was anything to undo."""
    packed = [layer for layer in network.modules() if isinstance(layer, PackedConv2d)]
    for layer in packed:
        del layer.packing
        layer.__class__ = nn.Conv2d
    return bool(packed)


def _pack(layer: nn.Conv2d) -> None:
    if isinstance(layer.padding, str) or layer.padding_mode != "zeros":
        return
    weight = layer.weight.detach()
    packed = torch._C._nn.mkldnn_reorder_conv2d_weight(weight.to_mkldnn(), *_shape(layer))
    layer.__class__ = PackedConv2d
    layer.packing = Packing(packed, _source(layer.weight))


def _shape(layer: nn.Conv2d) -> tuple[Any, Any, Any, int]:
    return layer.padding, layer.stride, layer.dilation, layer.groups


def _source(weight: Tensor) -> tuple[int, int, torch.dtype]:
    return weight.data_ptr(), weight._version, weight.dtype
