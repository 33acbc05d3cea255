"""The text encoders against stored outputs of the reference, and their own options."""

import pytest
import torch

from ldm.modules.encoders.modules import FrozenCLIPEmbedder, FrozenOpenCLIPEmbedder
from ldm.modules.encoders.tokens import END_ID, START_ID, PromptTokenizer
from tests.golden import weights

TINY = {"embed_dim": 16, "text_cfg": {"vocab_size": 49408, "width": 16, "heads": 2, "layers": 3}}
TINY_CLIP = {"vocab_size": 49408, "width": 16, "heads": 2, "layers": 2}


@pytest.mark.parametrize("layer", ["penultimate", "last"])
def test_open_clip_equals_reference(golden, layer):
    case = golden("g07_text_encoder")
    encoder = FrozenOpenCLIPEmbedder(case["config"]["open_clip_CLIP"], layer=layer)
    assert sorted(case["config"]["names"]) == sorted(encoder.model.state_dict())
    weights.fill(encoder.model)
    prompts = [str(prompt) for prompt in case["prompts"]]
    assert torch.equal(encoder.tokenize(prompts), case["tokens"])
    torch.testing.assert_close(encoder(prompts), case[f"z_{layer}"], atol=5e-5, rtol=0)


def test_clip_equals_plain_formula():
    """Against the same transformer written with torch's own attention and an explicit mask."""
    encoder = FrozenCLIPEmbedder(TINY_CLIP)
    weights.fill(encoder.transformer)
    tokens = encoder.tokenize(["a red cube"])
    text = encoder.transformer.text_model
    x = text.embeddings.token_embedding.weight[tokens] + text.embeddings.position_embedding.weight
    mask = torch.full((77, 77), float("-inf")).triu(1)
    for layer in text.encoder.layers:
        y, a = layer.layer_norm1(x), layer.self_attn
        q, k, v = (p(y).view(1, 77, 2, 8).transpose(1, 2) for p in (a.q_proj, a.k_proj, a.v_proj))
        y = ((q @ k.transpose(2, 3)) / 8**0.5 + mask).softmax(-1) @ v
        x = x + a.out_proj(y.transpose(1, 2).reshape(1, 77, 16))
        y = layer.mlp.fc1(layer.layer_norm2(x))
        x = x + layer.mlp.fc2(y * torch.sigmoid(1.702 * y))
    expected = text.final_layer_norm(x)
    torch.testing.assert_close(encoder(["a red cube"]), expected, atol=1e-5, rtol=0)


def test_clip_pads_with_the_end_token():
    assert FrozenCLIPEmbedder(TINY_CLIP).tokenize("cat")[0, -1] == END_ID
    assert FrozenOpenCLIPEmbedder(TINY).tokenize("cat")[0, -1] == 0


def test_later_tokens_do_not_reach_earlier_ones():
    encoder = weights.fill(FrozenOpenCLIPEmbedder(TINY))
    short, long = encoder(["a red", "a red cube"])
    torch.testing.assert_close(short[:3], long[:3], atol=1e-6, rtol=0)
    assert not torch.allclose(short[3], long[3], atol=1e-3)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_runs_in_the_dtype_of_its_weights(dtype):
    for encoder in (FrozenOpenCLIPEmbedder(TINY), FrozenCLIPEmbedder(TINY_CLIP)):
        expected = weights.fill(encoder)(["a cube"])
        got = encoder.to(dtype)(["a cube"])
        assert got.dtype == dtype
        torch.testing.assert_close(got.float(), expected, atol=0.1, rtol=0)


def test_vocabulary_maps_known_ids_to_rows_and_the_rest_to_the_last():
    known = [0, START_ID, END_ID, *PromptTokenizer()("red cube")[0, 1:3].tolist()]
    encoder = FrozenOpenCLIPEmbedder(TINY, vocabulary=known)
    assert encoder.model.token_embedding.num_embeddings == len(known) + 1
    assert encoder.tokenize("red zebra cube")[0, :6].tolist() == [1, 3, 5, 4, 2, 0]
    assert encoder(["red cube"]).shape == (1, 77, 16)


def test_published_parameters_are_accepted_on_the_meta_device():
    with torch.device("meta"):
        encoder = FrozenOpenCLIPEmbedder(
            arch="ViT-H-14",
            version="laion2b_s32b_b79k",
            device="cuda",
            max_length=77,
            freeze=True,
            layer="penultimate",
        )
    assert not any(p.requires_grad for p in encoder.parameters())
    assert all(p.is_meta for p in encoder.parameters())
    assert encoder.tokenize("a cube").device.type == "cpu"


@pytest.mark.parametrize(
    ("build", "argument"),
    [
        (lambda: FrozenOpenCLIPEmbedder("ViT-Z"), "arch"),
        (lambda: FrozenOpenCLIPEmbedder(TINY, layer="pooled"), "layer"),
        (lambda: FrozenOpenCLIPEmbedder({"embed_dim": 3}), "arch"),
        (lambda: FrozenOpenCLIPEmbedder(TINY, vocabulary=[1, 1]), "vocabulary"),
        (lambda: FrozenCLIPEmbedder("openai/other"), "version"),
        (lambda: FrozenOpenCLIPEmbedder(TINY)([3]), "prompt"),
    ],
)
def test_bad_options_are_named(build, argument):
    with pytest.raises(ValueError, match=f"^{argument}"):
        build()


@pytest.mark.parametrize("layer", ["penultimate", "last"])
def test_published_parts_of_the_encoder_make_up_the_whole(layer):
    encoder = weights.fill(FrozenOpenCLIPEmbedder(TINY, layer=layer))
    tokens = encoder.tokenize(["a red cube", "x"])
    whole = encoder.encode(["a red cube", "x"])
    assert torch.equal(encoder.encode_with_transformer(tokens), whole)
    x = encoder.model.token_embedding(tokens) + encoder.model.positional_embedding
    x = encoder.text_transformer_forward(x.permute(1, 0, 2), attn_mask=None).permute(1, 0, 2)
    torch.testing.assert_close(encoder.model.ln_final(x), whole)


def test_clip_takes_the_published_parameters():
    clip = FrozenCLIPEmbedder(
        TINY_CLIP, device="cuda", max_length=77, freeze=True, layer="last", layer_idx=None
    )
    assert clip.encode(["a"]).shape == (1, 77, 16)
    with pytest.raises(ValueError, match="layer_idx: got 11, expected None"):
        FrozenCLIPEmbedder(TINY_CLIP, layer_idx=11)
