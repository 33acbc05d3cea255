"""Layers on a CPU, with weights laid out once as oneDNN computes on them.

PyTorch hands oneDNN a convolution's weights as they lie, so every call of a network lays all of
them out anew; and it gives float32 matrix products to MKL, which on AMD processors takes twice as
long (docs/benchmarks.md). The functions used here are what TorchInductor compiles to.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.multiprocessing.reductions import StorageWeakRef

PACKABLE = (torch.float32, torch.bfloat16)


class Packing:
    """A layer's packed weights, and what they were packed from."""

    def __init__(self, packed: Tensor, source: Tensor) -> None:
        """Note the source by its storage: an address alone may be given away again."""
        self.weight = packed
        self._dtype, self._version = source.dtype, source._version
        self._address, self._storage = source.data_ptr(), StorageWeakRef(source.untyped_storage())

    def is_of(self, weight: Tensor) -> bool:
        """Return whether it was packed from this weight, as it is now."""
        return (
            self._version == weight._version
            and self._address == weight.data_ptr()
            and self._dtype == weight.dtype
            and self._storage.cdata == weight.untyped_storage()._cdata
        )

    def serves(self, x: Tensor, weight: Tensor) -> bool:
        """Return whether a layer of this weight may use it for x, which is not for gradients."""
        return not torch.is_grad_enabled() and x.dtype == self._dtype and self.is_of(weight)

    def __deepcopy__(self, memo: dict[int, Any]) -> "Packing":
        """Return itself: a copied layer has a weight of its own, which it computes with."""
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        """Become None in a file: a layer read from one computes with its weight."""
        return type(None), ()


class PackedConv2d(nn.Conv2d):
    """A convolution that runs channels-last and, where its packing holds, on packed weights."""

    packing: Packing | None

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 (the name of nn.Conv2d)
        """Map (B, C, h, w) as `nn.Conv2d` does."""
        x = input.contiguous(memory_format=torch.channels_last)
        if self.packing is None or not self.packing.serves(x, self.weight):
            return super().forward(x)
        return torch.ops.mkldnn._convolution_pointwise.default(
            x, self.packing.weight, self.bias, *_shape(self), "none", [], ""
        )


class PackedLinear(nn.Linear):
    """A linear layer that runs on packed weights where its packing holds."""

    packing: Packing | None

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 (the name of nn.Linear)
        """Map (..., in_features) as `nn.Linear` does; rows (B, in_features) are too few to gain."""
        few = input.ndim < 3
        if few or self.packing is None or not self.packing.serves(input, self.weight):
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
        if type(layer) in PACKED and _can_be_packed(layer):
            layer.packing = _pack(layer)
            layer.__class__ = PACKED[type(layer)]


def repack(network: nn.Module) -> None:
    """Pack anew what was packed from weights that have changed since, as by another precision."""
    for layer in network.modules():
        if isinstance(layer, tuple(PACKED.values())) and _can_be_packed(layer):
            if layer.packing is None or not layer.packing.is_of(layer.weight):
                layer.packing = _pack(layer)


def is_packed(network: nn.Module) -> bool:
    """Return whether `pack` has done anything to a network."""
    return any(isinstance(layer, tuple(PACKED.values())) for layer in network.modules())


def _can_be_packed(layer: nn.Conv2d | nn.Linear) -> bool:
    weight = layer.weight
    if weight.device.type != "cpu" or weight.dtype not in PACKABLE or weight.is_inference():
        return False
    if isinstance(layer, nn.Linear):
        return True
    return layer.padding_mode == "zeros" and not isinstance(layer.padding, str)


def _pack(layer: nn.Conv2d | nn.Linear) -> Packing:
    weight = layer.weight.detach()
    if isinstance(layer, nn.Linear):
        packed = torch.ops.mkldnn._reorder_linear_weight(weight)
    else:
        packed = torch._C._nn.mkldnn_reorder_conv2d_weight(weight.to_mkldnn(), *_shape(layer))
    return Packing(packed, layer.weight)


def _shape(layer: nn.Conv2d) -> tuple[Any, Any, Any, int]:
    return layer.padding, layer.stride, layer.dilation, layer.groups
