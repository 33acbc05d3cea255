"""CLIP's causal text transformer, under the two sets of names that checkpoints use.

Both are the same arithmetic: pre-norm blocks over learned positions (Radford et al. 2021, 2.4).
"""

from collections import OrderedDict

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class QuickGELU(nn.Module):
    """The sigmoid approximation of GELU that OpenAI's CLIP was trained with."""

    def forward(self, x: Tensor) -> Tensor:
        """Return x * sigmoid(1.702 x)."""
        return x * torch.sigmoid(1.702 * x)


def causal_attention(q: Tensor, k: Tensor, v: Tensor, *, heads: int) -> Tensor:
    """Attend to the present and past tokens only; all (B, L, C)."""
    q, k, v = (t.unflatten(-1, (heads, -1)).transpose(1, 2) for t in (q, k, v))  # (B, h, L, C/h)
    return F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).flatten(2)


class OpenClipAttention(nn.Module):
    """Self-attention whose three projections are stored as one matrix."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.in_proj_weight = nn.Parameter(torch.empty(3 * width, width))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * width))
        self.out_proj = nn.Linear(width, width)
        nn.init.normal_(self.in_proj_weight, std=width**-0.5)

    def forward(self, x: Tensor) -> Tensor:
        """(B, L, C) -> (B, L, C)."""
        q, k, v = F.linear(x, self.in_proj_weight, self.in_proj_bias).chunk(3, dim=-1)
        return self.out_proj(causal_attention(q, k, v, heads=self.heads))


class OpenClipBlock(nn.Module):
    """One block of OpenCLIP's text transformer."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.ln_1 = nn.LayerNorm(width)
        self.attn = OpenClipAttention(width, heads)
        self.ln_2 = nn.LayerNorm(width)
        layers = {
            "c_fc": nn.Linear(width, 4 * width),
            "gelu": nn.GELU(),
            "c_proj": nn.Linear(4 * width, width),
        }
        self.mlp = nn.Sequential(OrderedDict(layers))

    def forward(self, x: Tensor) -> Tensor:
        """(B, L, C) -> (B, L, C)."""
        x = x + self.attn(self.ln_1(x))
        return x + self.mlp(self.ln_2(x))


class OpenClipTextTransformer(nn.Module):
    """OpenCLIP's text tower, with the names of `open_clip.model.CLIP` less its image tower.

    `text_projection` and `logit_scale` belong to the published files and are never used here.
    """

    def __init__(
        self,
        *,
        embed_dim: int,
        context_length: int,
        vocab_size: int,
        width: int,
        heads: int,
        layers: int,
    ) -> None:
        super().__init__()
        self.positional_embedding = nn.Parameter(torch.empty(context_length, width))
        self.text_projection = nn.Parameter(torch.empty(width, embed_dim))
        self.logit_scale = nn.Parameter(torch.zeros(()))
        self.transformer = nn.Module()
        self.transformer.resblocks = nn.ModuleList(
            OpenClipBlock(width, heads) for _ in range(layers)
        )
        self.token_embedding = nn.Embedding(vocab_size, width)
        self.ln_final = nn.LayerNorm(width)
        nn.init.normal_(self.positional_embedding, std=0.01)
        nn.init.normal_(self.text_projection, std=width**-0.5)
        nn.init.normal_(self.token_embedding.weight, std=0.02)

    def forward(self, tokens: Tensor, *, skipped_blocks: int = 0) -> Tensor:
        """Encode tokens (B, L) to (B, L, C), leaving out the last blocks but not the last norm."""
        positions = self.positional_embedding[: tokens.shape[1]]
        x = self.token_embedding(tokens) + positions  # (B, L, C)
        return self.ln_final(self.run_blocks(x, skipped_blocks=skipped_blocks))

    def run_blocks(self, x: Tensor, *, skipped_blocks: int) -> Tensor:
        """Map (B, L, C) to (B, L, C), leaving out the last blocks."""
        blocks = self.transformer.resblocks
        for block in blocks[: len(blocks) - skipped_blocks]:
            x = block(x)
        return x


class ClipAttention(nn.Module):
    """Self-attention with three separate projections."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.k_proj = nn.Linear(width, width)
        self.v_proj = nn.Linear(width, width)
        self.q_proj = nn.Linear(width, width)
        self.out_proj = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """(B, L, C) -> (B, L, C)."""
        q, k, v = self.q_proj(x), self.k_proj(x), self.v_proj(x)
        return self.out_proj(causal_attention(q, k, v, heads=self.heads))


class ClipBlock(nn.Module):
    """One block of the Hugging Face CLIP text model."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.self_attn = ClipAttention(width, heads)
        self.layer_norm1 = nn.LayerNorm(width)
        self.mlp = nn.Sequential(
            OrderedDict(
                fc1=nn.Linear(width, 4 * width),
                activation_fn=QuickGELU(),
                fc2=nn.Linear(4 * width, width),
            )
        )
        self.layer_norm2 = nn.LayerNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        """(B, L, C) -> (B, L, C)."""
        x = x + self.self_attn(self.layer_norm1(x))
        return x + self.mlp(self.layer_norm2(x))


class ClipTextEmbeddings(nn.Module):
    """Word plus position."""

    def __init__(self, width: int, vocab_size: int, context_length: int) -> None:
        super().__init__()
        self.token_embedding = nn.Embedding(vocab_size, width)
        self.position_embedding = nn.Embedding(context_length, width)

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, L) int64 -> (B, L, C)."""
        return self.token_embedding(tokens) + self.position_embedding.weight[: tokens.shape[1]]


class ClipTextModel(nn.Module):
    """CLIP's text model under the names that Hugging Face's library stores, less `position_ids`."""

    def __init__(
        self, *, context_length: int, vocab_size: int, width: int, heads: int, layers: int
    ) -> None:
        super().__init__()
        self.text_model = nn.Module()
        self.text_model.embeddings = ClipTextEmbeddings(width, vocab_size, context_length)
        self.text_model.encoder = nn.Module()
        self.text_model.encoder.layers = nn.ModuleList(
            ClipBlock(width, heads) for _ in range(layers)
        )
        self.text_model.final_layer_norm = nn.LayerNorm(width)

    def forward(self, tokens: Tensor) -> Tensor:
        """Encode tokens (B, L) to the last layer's normed states (B, L, C)."""
        x = self.text_model.embeddings(tokens)
        for block in self.text_model.encoder.layers:
            x = block(x)
        return self.text_model.final_layer_norm(x)
