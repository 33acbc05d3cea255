"""Layers on a CPU, with weights laid out once as oneDNN computes on them.

PyTorch hands oneDNN a convolution's weights as they lie, so every call of a network lays all of
them out anew; and it gives float32 matrix products to MKL, which on AMD processors takes twice as
long (docs/benchmarks.md). The functions used here are what TorchInductor compiles to.

A 3x3 convolution of a map whose pixels stand four times each multiplies equal numbers by several
weights. Their sums are a transposed convolution's weights: `PackedUpsample` makes 4 products a
pixel in place of 9, and never lays out the repeated map.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.multiprocessing.reductions import StorageWeakRef

from ldm.modules.diffusionmodules.model import Upsample

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
        weight = packed_weight(self, x)
        if weight is None:
            return super().forward(x)
        return torch.ops.mkldnn._convolution_pointwise.default(
            x, weight, self.bias, *_shape(self), "none", [], ""
        )


class PackedLinear(nn.Linear):
    """A linear layer that runs on packed weights where its packing holds."""

    packing: Packing | None

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 (the name of nn.Linear)
        """Map (..., in_features) as `nn.Linear` does; rows (B, in_features) are too few to gain."""
        weight = packed_weight(self, input) if input.ndim > 2 else None
        if weight is None:
            return super().forward(input)
        return torch.ops.mkldnn._linear_pointwise.default(input, weight, self.bias, "none", [], "")


class PackedUpsample(Upsample):
    """Repetition and convolution in one, on packed weights, where its packing holds."""

    packing: Packing | None

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, H, W) to (B, C, 2H, 2W), as `Upsample` does."""
        weight = packed_weight(self, x)
        if weight is None:
            return super().forward(x)
        return torch.ops.mkldnn._convolution_transpose_pointwise.default(
            x.contiguous(memory_format=torch.channels_last),
            weight,
            self.conv.bias,
            **DOUBLING,
            attr="none",
            scalars=[],
            algorithm="",
        )


# The transposed convolution, of 4x4 weights, that doubles a map's size.
DOUBLING: dict[str, Any] = {
    "padding": (1, 1),
    "output_padding": (0, 0),
    "stride": (2, 2),
    "dilation": (1, 1),
    "groups": 1,
}
PACKED = {nn.Conv2d: PackedConv2d, nn.Linear: PackedLinear, Upsample: PackedUpsample}


def pack(network: nn.Module) -> None:
    """Let the layers of a network on the CPU that are named in `PACKED` run on packed weights.

    They are packed at the first call. Parameters stay what they are. Does nothing where this
    PyTorch cannot.
    """
    if not torch.backends.mkldnn.is_available() or not hasattr(
        torch.ops.mkldnn, "_linear_pointwise"
    ):
        return
    whole = {layer.conv for layer in network.modules() if isinstance(layer, Upsample)}
    for layer in network.modules():
        # Not of a subclass, which may compute something else; not what is packed with its parent.
        if type(layer) in PACKED and layer not in whole and _can_be_packed(layer):
            layer.packing = None
            layer.__class__ = PACKED[type(layer)]


def packed_weight(layer: nn.Module, x: Tensor) -> Tensor | None:
    """Return a layer's weight packed, anew where it has changed; None where x wants a plain one.

    Gradients and inputs of another type do.
    """
    source = _computing(layer).weight
    if torch.is_grad_enabled() or x.dtype != source.dtype or not _can_be_packed(layer):
        return None
    if layer.packing is None or not layer.packing.is_of(source):
        layer.packing = _pack(layer)
    return layer.packing.weight


def is_packed(network: nn.Module) -> bool:
    """Return whether `pack` has done anything to a network."""
    return any(isinstance(layer, tuple(PACKED.values())) for layer in network.modules())


def _computing(layer: nn.Module) -> nn.Module:
    """Return the layer that has the weights."""
    return layer.conv if isinstance(layer, Upsample) else layer


def _can_be_packed(layer: nn.Module) -> bool:
    layer = _computing(layer)
    weight = layer.weight
    if weight.device.type != "cpu" or weight.dtype not in PACKABLE or weight.is_inference():
        return False
    if isinstance(layer, nn.Linear):
        return True
    return layer.padding_mode == "zeros" and not isinstance(layer.padding, str)


def _pack(layer: nn.Module) -> Packing:
    source = _computing(layer).weight
    weight = source.detach()
    if isinstance(layer, Upsample):
        packed = torch.ops.mkldnn._reorder_convolution_transpose_weight(
            doubling_weight(weight), **DOUBLING
        )
    elif isinstance(layer, nn.Linear):
        packed = torch.ops.mkldnn._reorder_linear_weight(weight)
    else:
        packed = torch._C._nn.mkldnn_reorder_conv2d_weight(weight.to_mkldnn(), *_shape(layer))
    return Packing(packed, source)


def _shape(layer: nn.Module) -> tuple[Any, Any, Any, int]:
    return layer.padding, layer.stride, layer.dilation, layer.groups


def doubling_weight(weight: Tensor) -> Tensor:
    """Return the transposed convolution that repeats pixels 2x2 and convolves, in one.

    Args:
        weight: (out, in, 3, 3) of the convolution.

    Returns:
        (in, out, 4, 4), for stride 2 and padding 1: each pixel's share of the 4x4 pixels around the
        four that repeat it.
    """
    flipped = weight.float().transpose(0, 1).flip(2, 3)
    # A sum over 2x2, with what lies beyond counted as 0; the average pools with less memory.
    return (4 * F.avg_pool2d(flipped, 2, stride=1, padding=1)).to(weight.dtype)
