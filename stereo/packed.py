"""Layers on a CPU, with weights laid out once as oneDNN computes on them.

PyTorch hands oneDNN a convolution's weights as they lie, so every call of a network lays all of
them out anew; and it gives float32 matrix products to MKL, which on AMD processors takes twice as
long (docs/benchmarks.md). The functions used here are what TorchInductor compiles to.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

PACKABLE = (torch.float32, torch.bfloat16)


@dataclass(frozen=True)
class Packing:
    """A layer's packed weights, and what they were packed from."""

    weight: Tensor
    source: tuple[int, int, torch.dtype]

    def holds_for(self, weight: Tensor) -> bool:
        """Return whether a layer of this weight may use it: not for gradients, nor once changed."""
        return not torch.is_grad_enabled() and self.source == _source(weight)

    def __deepcopy__(self, memo: dict[int, Any]) -> "Packing":
        """Return itself: a copied layer has a weight of its own, which it computes with."""
        return self


class PackedConv2d(nn.Conv2d):
    """A convolution that runs channels-last and, where its packing holds, on packed weights."""

    packing: Packing

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 (the name of nn.Conv2d)
        """Map (B, C, h, w) as `nn.Conv2d` does."""
        x = input.contiguous(memory_format=torch.channels_last)
        if not self.packing.holds_for(self.weight):
            return super().forward(x)
        return torch.ops.mkldnn._convolution_pointwise.default(
            x, self.packing.weight, self.bias, *_shape(self), "none", [], ""
        )


class PackedLinear(nn.Linear):
    """A linear layer that runs on packed weights where its packing holds."""

    packing: Packing

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 (the name of nn.Linear)
        """Map (..., in_features) as `nn.Linear` does; rows (B, in_features) are too few to gain."""
        if input.ndim < 3 or not self.packing.holds_for(self.weight):
            return super().forward(input)
        return torch.ops.mkldnn._linear_pointwise.default(
            input, self.packing.weight, self.bias, "none", [], ""
        )


PACKED = {nn.Conv2d: PackedConv2d, nn.Linear: PackedLinear}


def pack(network: nn.Module) -> None:
    """Let the convolutions and linear layers of a network on the CPU run on packed weights.

    Parameters stay what they are. Does nothing where this PyTorch cannot.
    """
    if not torch.backends.mkldnn.is_available() or not hasattr(
        torch.ops.mkldnn, "_linear_pointwise"
    ):
        return
    for layer in network.modules():
        # Not of a subclass, which may compute something else.
        if type(layer) in PACKED and layer.weight.dtype in PACKABLE and _is_plain(layer):
            _pack(layer)


def is_packed(network: nn.Module) -> bool:
    """Return whether `pack` has done anything to a network."""
    return any(isinstance(layer, tuple(PACKED.values())) for layer in network.modules())


def _is_plain(layer: nn.Module) -> bool:
    if isinstance(layer, nn.Linear):
        return True
    return layer.padding_mode == "zeros" and not isinstance(layer.padding, str)


def _pack(layer: nn.Conv2d | nn.Linear) -> None:
    weight = layer.weight.detach()
    if isinstance(layer, nn.Linear):
        packed = torch.ops.mkldnn._reorder_linear_weight(weight)
    else:
        packed = torch._C._nn.mkldnn_reorder_conv2d_weight(weight.to_mkldnn(), *_shape(layer))
    layer.packing = Packing(packed, _source(layer.weight))
    layer.__class__ = PACKED[type(layer)]


def _shape(layer: nn.Conv2d) -> tuple[Any, Any, Any, int]:
    return layer.padding, layer.stride, layer.dilation, layer.groups


def _source(weight: Tensor) -> tuple[int, int, torch.dtype]:
    return weight.data_ptr(), weight._version, weight.dtype
