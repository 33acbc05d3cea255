"""Attention against its definition, and what each layer looks at."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from ldm.modules.attention import BasicTransformerBlock, CrossAttention
from tests.golden import weights


def plain_attention(layer: CrossAttention, x: Tensor, context: Tensor) -> Tensor:
    """The definition, head by head (Vaswani et al. 2017, Eq. 1)."""
    heads = []
    for q, k, v in zip(
        layer.to_q(x).chunk(layer.heads, -1),
        layer.to_k(context).chunk(layer.heads, -1),
        layer.to_v(context).chunk(layer.heads, -1),
        strict=True,
    ):
        heads.append((q @ k.mT / q.shape[-1] ** 0.5).softmax(-1) @ v)
    return layer.to_out(torch.cat(heads, -1))


@settings(max_examples=20)
@given(st.integers(1, 3), st.integers(1, 9), st.integers(1, 7), st.integers(1, 4), st.booleans())
def test_attention_is_its_definition(
    batch: int, tokens: int, others: int, heads: int, cross: bool
) -> None:
    generator = torch.Generator().manual_seed(tokens)
    layer = CrossAttention(6, 5 if cross else None, heads=heads, dim_head=4).double()
    x = torch.randn(batch, tokens, 6, generator=generator).double()
    context = torch.randn(batch, others, 5, generator=generator).double() if cross else None
    with torch.no_grad():
        expected = plain_attention(layer, x, x if context is None else context)
        torch.testing.assert_close(layer(x, context), expected)


def test_block_gives_the_context_to_the_second_attention_only() -> None:
    block = weights.fill(BasicTransformerBlock(8, 2, d_head=4, context_dim=5)).eval()
    calls: list[tuple[str, bool]] = []
    for name in ("attn1", "attn2"):
        layer = getattr(block, name)
        layer.register_forward_hook(
            lambda _m, args, kwargs, _out, name=name: calls.append((name, "context" in kwargs)),
            with_kwargs=True,
        )
    block(torch.randn(1, 3, 8), context=torch.randn(1, 2, 5))
    assert calls == [("attn1", False), ("attn2", True)]
