"""The arithmetic of a network's call, as it is executed."""

from collections.abc import Callable
from math import prod
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

Shape = tuple[int, ...]


@torch.no_grad()
def count_flop(work: Callable[[], object]) -> int:
    """Return the FLOP of matrix products and convolutions in `work`."""
    with FlopCounterMode(display=False, custom_mapping=_unknown_to_counter()) as counter:
        work()
    return counter.get_total_flops()


def _unknown_to_counter() -> dict[Any, Callable[..., int]]:
    """Return what PyTorch's counter misses on a CPU: attention and prepacked layers.

    Not every build of PyTorch has them all; what it has not is not executed either.
    """
    formulas = {
        (torch.ops.aten, "_scaled_dot_product_flash_attention_for_cpu"): _products_of_attention,
        (torch.ops.mkldnn, "_linear_pointwise"): _products_of_output,
        (torch.ops.mkldnn, "_convolution_pointwise"): _products_of_output,
        (torch.ops.mkldnn, "_convolution_transpose_pointwise"): _products_of_input,
    }
    return {
        getattr(operators, name): products
        for (operators, name), products in formulas.items()
        if hasattr(operators, name)
    }


def _products_of_attention(
    query: Shape, key: Shape, value: Shape, *rest: object, **kw: object
) -> int:
    """Count queries times keys, and weights times values; each is (B, heads, tokens, dim)."""
    batch, heads, queries, dim = query
    return 2 * batch * heads * queries * key[2] * (dim + value[3])


def _products_of_output(x: Shape, weight: Shape, *rest: object, out_shape: Shape) -> int:
    """Count for weights (out, in, ...): each number put out is a sum over the others."""
    return 2 * prod(out_shape) * prod(weight[1:])


def _products_of_input(x: Shape, weight: Shape, *rest: object, out_shape: Shape) -> int:
    """Count for weights (in, out, ...): each number put in goes into that many sums."""
    return 2 * prod(x) * prod(weight[1:])
