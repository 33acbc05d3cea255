"""Transformer blocks over the positions of a feature map."""

import torch.nn.functional as F
from torch import Tensor, nn

NORM_GROUPS = 32
NORM_EPS = 1e-6


class GEGLU(nn.Module):
    """Linear layer whose output is gated by the GELU of a second one (Shazeer 2020)."""

    def __init__(self, dim_in: int, dim_out: int) -> None:
        super().__init__()
        self.proj = nn.Linear(dim_in, 2 * dim_out)

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., dim_in) to (..., dim_out)."""
        value, gate = self.proj(x).chunk(2, dim=-1)
        return value * F.gelu(gate)


class FeedForward(nn.Module):
    """Gated two-layer network applied to every token."""

    def __init__(self, dim: int, mult: int = 4, *, dropout: float = 0.0) -> None:
        super().__init__()
        inner = dim * mult
        self.net = nn.Sequential(GEGLU(dim, inner), nn.Dropout(dropout), nn.Linear(inner, dim))

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, N, dim) to (B, N, dim)."""
        return self.net(x)


class CrossAttention(nn.Module):
    """Multi-head attention of tokens to a context, or to themselves without one."""

    def __init__(
        self,
        query_dim: int,
        context_dim: int | None = None,
        *,
        heads: int = 8,
        dim_head: int = 64,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        inner = heads * dim_head
        context_dim = query_dim if context_dim is None else context_dim
        self.heads = heads
        self.to_q = nn.Linear(query_dim, inner, bias=False)
        self.to_k = nn.Linear(context_dim, inner, bias=False)
        self.to_v = nn.Linear(context_dim, inner, bias=False)
        self.to_out = nn.Sequential(nn.Linear(inner, query_dim), nn.Dropout(dropout))

    def forward(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """Map tokens (B, N, query_dim) and a context (B, M, context_dim) to (B, N, query_dim)."""
        return self.attend(x, *self.keys_values(x if context is None else context))

    def keys_values(self, context: Tensor) -> tuple[Tensor, Tensor]:
        """Project a context (B, M, context_dim) to keys and values (B, heads, M, dim_head)."""
        return self.split_heads(self.to_k(context)), self.split_heads(self.to_v(context))

    def attend(self, x: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Let tokens (B, N, query_dim) look at keys and values (B, heads, M, dim_head)."""
        query = self.split_heads(self.to_q(x))
        attended = F.scaled_dot_product_attention(query, key, value)
        return self.to_out(attended.transpose(1, 2).flatten(2))

    def split_heads(self, tokens: Tensor) -> Tensor:
        """Reshape (B, N, heads * dim_head) to (B, heads, N, dim_head)."""
        return tokens.unflatten(2, (self.heads, -1)).transpose(1, 2)


class BasicTransformerBlock(nn.Module):
    """Self-attention, attention to the context, feed-forward; each added to its input."""

    def __init__(
        self,
        dim: int,
        n_heads: int,
        *,
        d_head: int,
        dropout: float = 0.0,
        context_dim: int | None = None,
    ) -> None:
        super().__init__()
        self.attn1 = CrossAttention(dim, heads=n_heads, dim_head=d_head, dropout=dropout)
        self.ff = FeedForward(dim, dropout=dropout)
        self.attn2 = CrossAttention(
            dim, context_dim, heads=n_heads, dim_head=d_head, dropout=dropout
        )
        self.norm1 = nn.LayerNorm(dim)
        self.norm2 = nn.LayerNorm(dim)
        self.norm3 = nn.LayerNorm(dim)

    def forward(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """Map tokens (B, N, dim), with a context (B, M, context_dim), to (B, N, dim)."""
        x = self.attn1(self.norm1(x)) + x
        x = self.attn2(self.norm2(x), context=context) + x
        return self.ff(self.norm3(x)) + x


class SpatialTransformer(nn.Module):
    """Transformer over the pixels of a feature map, added to it."""

    def __init__(
        self,
        in_channels: int,
        n_heads: int,
        *,
        d_head: int,
        depth: int = 1,
        dropout: float = 0.0,
        context_dim: int | None = None,
        use_linear: bool = False,
    ) -> None:
        super().__init__()
        inner = n_heads * d_head
        self.norm = nn.GroupNorm(NORM_GROUPS, in_channels, eps=NORM_EPS)
        self.proj_in = _projection(in_channels, inner, use_linear=use_linear)
        self.transformer_blocks = nn.ModuleList(
            BasicTransformerBlock(
                inner, n_heads, d_head=d_head, dropout=dropout, context_dim=context_dim
            )
            for _ in range(depth)
        )
        self.proj_out = _projection(inner, in_channels, use_linear=use_linear)
        nn.init.zeros_(self.proj_out.weight)
        nn.init.zeros_(self.proj_out.bias)
        self.use_linear = use_linear

    def forward(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """Map (B, C, h, w), with a context (B, M, context_dim), to (B, C, h, w)."""
        size = x.shape[2:]
        h = self.norm(x)
        h = self.proj_in(_to_tokens(h)) if self.use_linear else _to_tokens(self.proj_in(h))
        for block in self.transformer_blocks:
            h = block(h, context=context)  # (B, h*w, inner)
        h = _to_map(self.proj_out(h), size) if self.use_linear else self.proj_out(_to_map(h, size))
        return x + h  # x first: the sum keeps its memory format


def _projection(dim_in: int, dim_out: int, *, use_linear: bool) -> nn.Linear | nn.Conv2d:
    return nn.Linear(dim_in, dim_out) if use_linear else nn.Conv2d(dim_in, dim_out, 1)


def _to_tokens(x: Tensor) -> Tensor:
    return x.permute(0, 2, 3, 1).flatten(1, 2)  # (B, C, h, w) -> (B, h*w, C)


def _to_map(tokens: Tensor, size: tuple[int, int]) -> Tensor:
    return tokens.unflatten(1, tuple(size)).permute(0, 3, 1, 2)  # (B, h*w, C) -> (B, C, h, w)
