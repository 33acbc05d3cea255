"""UNetModel and attention: the published numbers, names, dtypes, sizes and refusals."""

from collections.abc import Callable
from unittest.mock import patch

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from ldm.modules.attention import CrossAttention, SpatialTransformer
from ldm.modules.diffusionmodules.openaimodel import UNetModel
from tests.golden import weights

CASES = ["g01_unet_sd2", "g02_unet_sd1", "g03_unet_depth"]
SMALL = {
    "in_channels": 4,
    "out_channels": 4,
    "model_channels": 32,
    "attention_resolutions": [2, 1],
    "num_res_blocks": 1,
    "channel_mult": [1, 2],
    "num_head_channels": 16,
    "context_dim": 8,
    "use_linear_in_transformer": True,
}


def small_unet(**changes: object) -> UNetModel:
    return weights.fill(UNetModel(**{**SMALL, **changes})).eval()


def inputs(height: int = 8, width: int = 8, batch: int = 2) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(batch, 4, height, width, generator=generator)
    return x, torch.tensor([1, 999])[:batch], torch.randn(batch, 5, 8, generator=generator)


@pytest.mark.parametrize("case", CASES)
def test_matches_the_published_unet(golden: Callable[[str], dict], case: str) -> None:
    stored = golden(case)
    unet = weights.fill(UNetModel(**stored["config"]["unet"])).eval()
    seen: dict[str, Tensor] = {}
    for name, module in {
        "dbg_time_embed": unet.time_embed,
        "dbg_input_block_1": unet.input_blocks[1],
        "dbg_middle_block": unet.middle_block,
    }.items():
        module.register_forward_hook(lambda _m, _i, out, name=name: seen.update({name: out}))
    with torch.no_grad():
        out = unet(stored["x"], stored["timesteps"], stored["context"])
    for name, value in seen.items():
        torch.testing.assert_close(value, stored[name], atol=1e-4, rtol=0, msg=name)
    torch.testing.assert_close(out, stored["out"], atol=5e-5, rtol=0)


@torch.no_grad()
@pytest.mark.parametrize(("height", "width"), [(2, 2), (4, 10), (14, 6)])
def test_any_size_that_the_levels_divide(height: int, width: int) -> None:
    x, t, context = inputs(height, width)
    assert small_unet()(x, t, context).shape == x.shape


@torch.no_grad()
def test_samples_of_a_batch_do_not_meet() -> None:
    unet = small_unet()
    x, t, context = inputs()
    alone = unet(x[1:], t[1:], context[1:])
    torch.testing.assert_close(unet(x, t, context)[1:], alone, atol=1e-5, rtol=0)


@torch.no_grad()
@pytest.mark.parametrize(("dtype", "atol"), [(torch.bfloat16, 0.08), (torch.float16, 0.01)])
def test_runs_in_the_weights_dtype_and_returns_the_inputs(dtype: torch.dtype, atol: float) -> None:
    x, t, context = inputs()
    expected = small_unet()(x, t, context)
    unet = small_unet().to(dtype)
    seen: set[torch.dtype] = set()
    unet.middle_block.register_forward_hook(lambda _m, _i, out: seen.add(out.dtype))
    out = unet(x, t, context)
    assert seen == {dtype}
    assert out.dtype == torch.float32
    assert unet(x.to(dtype), t, context.to(dtype)).dtype == dtype
    torch.testing.assert_close(out, expected, atol=atol, rtol=0)


@torch.no_grad()
@pytest.mark.parametrize("use_linear", [True, False])
def test_channels_last_gives_the_same_and_stays_so(use_linear: bool) -> None:
    x, t, context = inputs()
    unet = small_unet(use_linear_in_transformer=use_linear)
    expected = unet(x, t, context)
    unet.to(memory_format=torch.channels_last)
    out = unet(x.contiguous(memory_format=torch.channels_last), t, context)
    assert out.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(out, expected, atol=1e-5, rtol=0)


def test_options_without_effect_change_nothing() -> None:
    x, t, context = inputs()
    accepted = {
        "image_size": 32,
        "use_checkpoint": True,
        "use_fp16": True,
        "use_bf16": False,
        "legacy": False,
        "num_heads": -1,
        "num_heads_upsample": -1,
        "use_new_attention_order": False,
        "use_spatial_transformer": True,
        "transformer_depth": [1, 1],
        "num_res_blocks": [1, 1],
        "disable_self_attentions": [False, False],
        "dropout": 0.0,
    }
    with torch.no_grad():
        expected = small_unet()(x, t, context)
        assert torch.equal(small_unet(**accepted)(x, t, context, y=None), expected)


def test_depth_and_blocks_per_level() -> None:
    unet = small_unet(transformer_depth=[1, 3], num_res_blocks=[2, 1])
    transformers = [m for m in unet.modules() if isinstance(m, SpatialTransformer)]
    depths = [len(m.transformer_blocks) for m in transformers]
    # two blocks down and three up at full size, one and two at half, and the middle one
    assert depths == [1, 1, 3, 3, 3, 3, 1, 1, 1]


@pytest.mark.parametrize(
    ("heads", "expected"),
    [
        ({"num_heads": 8, "num_head_channels": -1}, {8}),
        ({"num_heads": -1, "num_head_channels": 16}, {2, 4}),
        ({"num_heads": 8, "num_head_channels": 32}, {1, 2}),  # channels go first, as published
    ],
)
def test_heads_by_number_or_by_channels(heads: dict, expected: set[int]) -> None:
    unet = small_unet(**heads)
    layers = [m for m in unet.modules() if isinstance(m, CrossAttention)]
    assert {m.heads for m in layers} == expected


def test_a_new_network_predicts_zero() -> None:
    x, t, context = inputs()
    with torch.no_grad():
        assert torch.count_nonzero(UNetModel(**SMALL)(x, t, context)) == 0


def test_gradients_reach_the_context() -> None:
    x, t, context = inputs()
    context.requires_grad_()
    small_unet().requires_grad_(False)(x, t, context).square().sum().backward()
    assert context.grad.abs().min() > 0


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"model_channels": 40}, "model_channels: got 40"),
        ({"num_head_channels": -1}, "num_heads, num_head_channels: got -1"),
        ({"num_head_channels": 20}, "num_head_channels: got 20, expected a divisor of 32"),
        ({"num_head_channels": -1, "num_heads": 5}, "num_heads: got 5"),
        ({"transformer_depth": [1]}, r"transformer_depth: got \[1\], expected one number or 2"),
        ({"num_classes": 1000}, "num_classes: got 1000, expected None"),
        ({"disable_self_attentions": [True, False]}, "disable_self_attentions"),
        ({"resblock_updown": True}, "resblock_updown"),
        ({"use_spatial_transformer": False}, "use_spatial_transformer"),
        ({"dims": 3}, "dims: got 3, expected 2"),
    ],
)
def test_refuses_what_it_cannot_build(changes: dict, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        UNetModel(**{**SMALL, **changes})


@pytest.mark.parametrize(
    ("index", "value", "match"),
    [
        (0, torch.zeros(2, 5, 8, 8), r"x: got shape \(2, 5, 8, 8\), expected \(B, 4, h, w\)"),
        (0, torch.zeros(4, 8, 8), "x: got shape"),
        (0, torch.zeros(2, 4, 8, 9), "x: got 9x8, expected multiples of 2"),
        (1, torch.zeros(1), r"timesteps: got shape \(1,\), expected \(2,\)"),
        (
            2,
            torch.zeros(2, 5, 9),
            r"context: got shape .* expected \(2, tokens, 8\)",
        ),
        (2, torch.zeros(1, 5, 8), "context: got shape"),
        (2, torch.zeros(3, 5, 8), "context: got shape"),
        (2, torch.zeros(0, 5, 8), "context: got shape"),
        (2, None, "context: got None"),
    ],
)
def test_refuses_shapes_that_do_not_fit(index: int, value: Tensor | None, match: str) -> None:
    arguments = list(inputs())
    arguments[index] = value
    with pytest.raises(ValueError, match=match):
        small_unet()(*arguments)


def test_attention_is_one_fused_call() -> None:
    x, t, context = inputs()
    unet = small_unet()
    layers = sum(isinstance(m, CrossAttention) for m in unet.modules())
    with (
        torch.no_grad(),
        patch.object(
            F, "scaled_dot_product_attention", wraps=F.scaled_dot_product_attention
        ) as fused,
    ):
        unet(x, t, context)
    assert fused.call_count == layers == 2 * (2 * (1 + 2) + 1)
