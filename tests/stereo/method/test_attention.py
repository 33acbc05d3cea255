"""The self-attention edit against the published editor's numbers and its definition."""

import pytest
import torch
from einops import rearrange
from torch import Tensor, nn

from ldm.modules.attention import BasicTransformerBlock, CrossAttention
from stereo.method.attention import (
    Attention,
    record_attention,
    replay_attention,
    self_attention_layers,
    share_attention,
)
from tests.golden.models import filled_model


def selector(heads: int, dim_head: int) -> BasicTransformerBlock:
    """Build a block whose attn1 reads q, k and v side by side out of its tokens, unchanged."""
    width = heads * dim_head
    block = BasicTransformerBlock(3 * width, heads, d_head=dim_head)
    pick = torch.eye(3 * width).split(width)
    for layer, weight in zip(
        (block.attn1.to_q, block.attn1.to_k, block.attn1.to_v), pick, strict=True
    ):
        layer.weight = nn.Parameter(weight.clone())
    block.attn1.to_out = nn.Identity()
    return block


@pytest.mark.parametrize("case", ["g09_bn_attention", "g09_bn_attention_n1"])
@pytest.mark.parametrize("direction", ["uni", "bi"])
def test_edit_equals_the_published_editor(golden, case, direction):
    stored = golden(case)
    heads, samples = int(stored["num_heads"]), stored["config"]["n_samples"]
    q, k, v = (
        rearrange(stored[name], "(b h) t d -> b t (h d)", h=heads) for name in ("q", "k", "v")
    )
    block = selector(heads, stored["config"]["dim_head"])
    tokens = torch.cat([q, k, v], dim=-1)
    with torch.no_grad():
        before = block.attn1(tokens)
        with share_attention(layers_of(block), direction, samples):
            after = block.attn1(tokens)
    expected = {part: stored[f"{direction}_{part}_self"] for part in ("before", "after")}
    torch.testing.assert_close(before, expected["before"], atol=1e-5, rtol=0)
    torch.testing.assert_close(after, expected["after"], atol=1e-5, rtol=0)


def layers_of(block: BasicTransformerBlock) -> dict[str, CrossAttention]:
    return self_attention_layers(nn.ModuleDict({"block": block}))


@pytest.mark.parametrize("case", ["g09b_patched_unet", "g09b_patched_unet_sd1_n2"])
def test_edited_unet_equals_the_published_patch(golden, case):
    stored = golden(case)
    model = filled_model(stored["config"]["model"])
    unet = model.model.diffusion_model
    samples = stored["config"]["n_samples"]

    def run() -> Tensor:
        with torch.no_grad():
            return model.apply_model(stored["x"], stored["timesteps"], stored["context"])

    torch.testing.assert_close(run(), stored["plain"], atol=5e-5, rtol=0)
    for direction in ("uni", "bi"):
        with share_attention(self_attention_layers(unet), direction, samples):
            edited = run()
        torch.testing.assert_close(edited, stored[f"{direction}_after"], atol=5e-5, rtol=0)
    torch.testing.assert_close(run(), stored["plain"], atol=5e-5, rtol=0)


def test_two_tokens_attend_as_defined():
    """One token per view: `uni` gives both the left value, `bi` the softmax mixture of both."""
    block = selector(1, 1)
    left, right = torch.tensor([0.3, 0.7, 5.0]), torch.tensor([0.9, -0.4, 11.0])
    tokens = torch.stack([left, right]).unsqueeze(1)  # (2 views, 1 token, q|k|v)
    with torch.no_grad(), share_attention(layers_of(block), "uni", 1):
        assert block.attn1(tokens).flatten().tolist() == pytest.approx([5.0, 5.0])
    with torch.no_grad(), share_attention(layers_of(block), "bi", 1):
        out = block.attn1(tokens).flatten()
    for query, value in ((0.3, out[0]), (0.9, out[1])):
        share = torch.softmax(query * torch.tensor([0.7, -0.4]), 0)
        assert value.item() == pytest.approx((share @ torch.tensor([5.0, 11.0])).item(), abs=1e-5)


def test_equal_views_are_what_one_view_is_alone():
    torch.manual_seed(0)
    block = BasicTransformerBlock(32, 4, d_head=8).eval()
    view = torch.randn(3, 10, 32)  # (samples, tokens, channels)
    with torch.no_grad():
        alone = block.attn1(view)
        for direction in ("uni", "bi"):
            with share_attention(layers_of(block), direction, 3):
                both = block.attn1(torch.cat([view, view]))
            torch.testing.assert_close(both, torch.cat([alone, alone]), atol=1e-6, rtol=0)


def test_replay_equals_the_joint_run():
    torch.manual_seed(1)
    block = BasicTransformerBlock(32, 4, d_head=8, context_dim=16).eval()
    left, right, context = torch.randn(2, 10, 32), torch.randn(2, 10, 32), torch.randn(2, 5, 16)
    store: Attention = {}
    with torch.no_grad():
        with share_attention(layers_of(block), "uni", 1):
            # Two guidance branches of one sample: uncond L, uncond R, cond L, cond R.
            tokens = torch.stack([left, right], 1).flatten(0, 1)
            joint = block(tokens, torch.stack([context, context], 1).flatten(0, 1))
        with record_attention(layers_of(block), store):
            alone = block(left, context)
        with replay_attention(layers_of(block), store):
            replayed = block(right, context)
    torch.testing.assert_close(joint[0::2], alone, atol=1e-6, rtol=0)
    torch.testing.assert_close(joint[1::2], replayed, atol=1e-6, rtol=0)


def test_everything_is_restored_even_after_an_error():
    block = BasicTransformerBlock(32, 4, d_head=8)
    layers = layers_of(block)
    with pytest.raises(RuntimeError, match="step failed"), share_attention(layers, "uni", 1):
        assert "forward" in vars(block.attn1)
        assert "forward" not in vars(block.attn2)
        raise RuntimeError("step failed")
    assert "forward" not in vars(block.attn1)
    assert block.attn1.forward.__func__ is CrossAttention.forward


def test_unknown_direction_and_a_network_without_attention_are_refused():
    with pytest.raises(ValueError, match="direction: got 'both'"):
        with share_attention(layers_of(BasicTransformerBlock(32, 4, d_head=8)), "both", 1):
            pass
    with pytest.raises(ValueError, match="unet: has no BasicTransformerBlock"):
        self_attention_layers(nn.Linear(2, 2))
