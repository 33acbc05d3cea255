"""The self-attention edit: the right view looks at the left view's keys and values (Sec. 3.3).

In the manner of MasaCtrl, `CrossAttention.forward` of every *self*-attention layer is swapped for
one with other keys and values. The arithmetic stays the layer's own, so nothing is computed twice;
the denoising loop enters these contexts at the steps that want them.

Joint batches are ordered (guidance branch, view, sample): uncond L1..Ln, uncond R1..Rn,
cond L1..Ln, cond R1..Rn. The guidance branches never mix; up to the first attention to the prompt
they are the same, and may come as one.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import torch
from einops import rearrange
from torch import Tensor, nn

from ldm.modules.attention import BasicTransformerBlock, CrossAttention
from ldm.modules.swap import modules_of, swap
from stereo.options import Direction

SelfAttention = Callable[[Tensor], Tensor]
Layers = Mapping[str, CrossAttention]
# Of each layer of a left view (tokens, key, value), or what a right view needs of it: (key, value)
# or (tokens,).
Attention = dict[str, tuple[Tensor, ...]]


def self_attention_layers(unet: nn.Module) -> dict[str, CrossAttention]:
    """Name the layers that are edited: `attn1` of every transformer block, in calling order."""
    blocks = modules_of(unet, BasicTransformerBlock)
    layers = {f"{name}.attn1": block.attn1 for name, block in blocks.items()}
    if not layers:
        raise ValueError("unet: has no BasicTransformerBlock, so there is no attention to share")
    return layers


@contextmanager
def share_attention(layers: Layers, direction: Direction, samples: int) -> Iterator[None]:
    """Let both views of a joint batch attend to the left view (`uni`) or to both (`bi`).

    `uni`: queries of both views, keys and values of the left one: the left view is what it would
    be alone. `bi`: queries, keys and values of both. `samples` is n, the number of pairs.
    """
    if direction not in ("uni", "bi"):
        raise ValueError(f"direction: got {direction!r}, expected 'uni' or 'bi'")

    def edited(name: str, layer: CrossAttention) -> SelfAttention:
        def forward(tokens: Tensor, context: Tensor | None = None) -> Tensor:
            # One long sequence per pair: the keys and values of a view are projected once.
            pair = rearrange(tokens, "(g v n) t c -> (g n) (v t) c", v=2, n=samples)
            left = pair[:, : tokens.shape[1]]
            out = layer.attend(pair, *layer.keys_values(left if direction == "uni" else pair))
            return rearrange(out, "(g n) (v t) c -> (g v n) t c", v=2, n=samples)

        return forward

    with swap(layers, "forward", edited):
        yield


@contextmanager
def record_attention(layers: Layers, store: Attention) -> Iterator[None]:
    """Keep what each self-attention layer is given and makes of it in `store`, by layer name."""

    def edited(name: str, layer: CrossAttention) -> SelfAttention:
        def forward(tokens: Tensor, context: Tensor | None = None) -> Tensor:
            key, value = layer.keys_values(tokens)
            store[name] = (tokens, key, value)
            return layer.attend(tokens, key, value)

        return forward

    with swap(layers, "forward", edited):
        yield


@contextmanager
def replay_attention(layers: Layers, store: Attention) -> Iterator[None]:
    """Let a right view alone attend to the left view recorded in `store` (`uni`, exactly).

    Tokens may lie in the CPU's memory (`stereo.runtime.memory.keep`).
    """

    def edited(name: str, layer: CrossAttention) -> SelfAttention:
        def forward(tokens: Tensor, context: Tensor | None = None) -> Tensor:
            return layer.attend(tokens, *_left_keys_values(layer, store[name], tokens.device))

        return forward

    with swap(layers, "forward", edited):
        yield


def _left_keys_values(
    layer: CrossAttention, seen: tuple[Tensor, ...], device: torch.device
) -> tuple[Tensor, Tensor]:
    if len(seen) == 1:
        return layer.keys_values(seen[0].to(device, non_blocking=True))
    return seen[-2], seen[-1]
