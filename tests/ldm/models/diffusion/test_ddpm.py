"""LatentDiffusion: building from people's files, conversions, precision, refusals."""

import functools
import gzip
import inspect
import json

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from ldm.models.diffusion.ddpm import LatentDiffusion
from ldm.util import instantiate_from_config
from tests.conftest import GOLDEN
from tests.ldm.models.diffusion.small import (
    DEPTH_CHANGES,
    V2_CHANGES,
    config_with,
    small_depth_model,
    small_model,
)


@pytest.mark.parametrize(
    ("manifest", "target", "changes"),
    [
        ("sd14", "LatentDiffusion", {}),
        ("sd21_v", "LatentDiffusion", {**V2_CHANGES, "parameterization": "v"}),
        ("sd2_depth", "LatentDepth2ImageDiffusion", DEPTH_CHANGES),
    ],
)
def test_published_files_build_the_published_parameters(
    manifest: str, target: str, changes: dict
) -> None:
    stored = json.loads(gzip.decompress((GOLDEN / f"{manifest}.json.gz").read_bytes()))
    with torch.device("meta"):
        model = instantiate_from_config(config_with(changes, target))
    found = [[name, list(value.shape)] for name, value in model.state_dict().items()]
    outside = ("cond_stage_model.", "depth_model.")
    expected = [[name, shape] for name, shape, _ in stored if not name.startswith(outside)]
    assert found == expected
    assert all(value.is_meta for value in model.model.parameters())
    assert model.betas.device.type == "cpu"
    assert model.downsample_factor == 8


def test_a_misspelt_key_is_named() -> None:
    with pytest.raises(ValueError, match=r"params of ldm\..*LatentDiffusion.*'scale_facter'"):
        instantiate_from_config(config_with({"scale_facter": 1.0}))


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"parameterization": "x0"}, r"parameterization: got 'x0', expected one of \('eps', 'v'\)"),
        ({"conditioning_key": "adm"}, "conditioning_key: got 'adm'"),
        ({"beta_schedule": "cosine"}, "schedule: got 'cosine'"),
        ({"zero_terminal_snr": True}, "parameterization with zero_terminal_snr"),
        ({"scale_by_std": True}, "scale_by_std"),
        ({"ckpt_path": "model.ckpt"}, "ckpt_path: got 'model.ckpt'"),
        ({"depth_stage_config": {"target": "torch.nn.Identity"}}, "depth_stage_config"),
    ],
)
def test_refuses_what_would_change_the_result(changes: dict, match: str) -> None:
    with torch.device("meta"), pytest.raises(ValueError, match=match):
        instantiate_from_config(config_with(changes))


def test_a_depth_model_needs_its_depth_stage() -> None:
    with torch.device("meta"), pytest.raises(ValueError, match="depth_stage_config"):
        instantiate_from_config(config_with({}, "LatentDepth2ImageDiffusion"))


@settings(max_examples=30)
@given(st.integers(0, 999), st.integers(0, 2**31), st.sampled_from(["eps", "v"]))
def test_conversions_undo_the_training_target(t: int, seed: int, parameterization: str) -> None:
    model = schedule_model(parameterization)
    generator = torch.Generator().manual_seed(seed)
    clean, noise = torch.randn(2, 3, 4, 2, 2, generator=generator, dtype=torch.float64)
    timesteps = torch.tensor([t, 0, 999])
    x = model.q_sample(clean, timesteps, noise)
    output = model.training_target(clean, noise, timesteps)
    kept = {"atol": 1e-5, "rtol": 0}
    torch.testing.assert_close(model.predict_start_from_output(x, timesteps, output), clean, **kept)
    torch.testing.assert_close(model.predict_eps_from_output(x, timesteps, output), noise, **kept)


@functools.cache
def schedule_model(parameterization: str) -> LatentDiffusion:
    with torch.device("meta"):
        return instantiate_from_config(config_with({"parameterization": parameterization}))


def test_conversions_keep_the_dtype_of_the_latents() -> None:
    model = schedule_model("v")
    x = torch.randn(1, 4, 2, 2, dtype=torch.float16)
    t = torch.tensor([500])
    for values in (
        model.predict_start_from_output(x, t, x),
        model.predict_eps_from_output(x, t, x),
        model.q_sample(x, t, x),
        model.get_v(x, x, t),
    ):
        assert values.dtype == torch.float16


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_the_schedule_stays_exact_in_half_precision(dtype: torch.dtype) -> None:
    model = small_model()
    before = model.alphas_cumprod.clone()
    model.to(dtype)
    assert model.dtype == dtype
    assert model.alphas_cumprod.dtype == torch.float32
    assert torch.equal(model.alphas_cumprod, before)


@torch.no_grad()
def test_apply_model_takes_a_tensor_or_named_conditions() -> None:
    model = small_model()
    x, t, context = torch.randn(2, 4, 8, 8), torch.tensor([1, 2]), torch.randn(2, 6, 8)
    expected = model.apply_model(x, t, context)
    assert torch.equal(model.apply_model(x, t, [context]), expected)
    assert torch.equal(model.apply_model(x, t, {"c_crossattn": [context]}), expected)
    assert torch.equal(model.apply_model(x, t, {"c_crossattn": context}), expected)
    assert torch.equal(model.model(x, t, c_concat=None, c_crossattn=[context]), expected)
    parts = {"c_crossattn": [context[:, :2], context[:, 2:]]}
    assert torch.equal(model.apply_model(x, t, parts), expected)
    assert torch.equal(model.model.diffusion_model(x, t, context), expected)


@torch.no_grad()
def test_depth_goes_in_as_the_last_channel() -> None:
    model = small_depth_model()
    assert isinstance(model.depth_model, torch.nn.Identity)
    x, t, context = torch.randn(1, 4, 8, 8), torch.tensor([1]), torch.randn(1, 6, 8)
    depth = torch.randn(1, 1, 8, 8)
    found = model.apply_model(x, t, {"c_crossattn": [context], "c_concat": [depth]})
    expected = model.model.diffusion_model(torch.cat([x, depth], dim=1), t, context)
    assert torch.equal(found, expected)


@pytest.mark.parametrize(
    ("cond", "match"),
    [
        (torch.zeros(1, 6, 8), r"cond: got \['c_crossattn'\], expected \['c_concat', 'c_cro"),
        ({"c_concat": [torch.zeros(1, 1, 8, 8)]}, "cond: got"),
        (
            {"c_crossattn": [torch.zeros(1, 6, 8)], "c_concat": [torch.zeros(1, 1, 16, 8)]},
            "c_concat: got shape",
        ),
        (
            {"c_crossattn": [torch.zeros(1, 6, 8)], "c_concat": [torch.zeros(2, 1, 8, 8)]},
            "c_concat: got shape",
        ),
        (
            {"c_crossattn": [torch.zeros(1, 6, 8)], "c_concat": [torch.zeros(1, 2, 8, 8)]},
            r"x: got shape \(1, 6, 8, 8\), expected \(B, 5, h, w\)",
        ),
    ],
)
def test_conditions_that_do_not_fit_are_named(cond: Tensor | dict, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        small_depth_model().apply_model(torch.zeros(1, 4, 8, 8), torch.tensor([1]), cond)


def test_first_stage_scales_and_unscales() -> None:
    model = small_model()
    image = torch.rand(1, 3, 16, 24) * 2 - 1
    posterior = model.encode_first_stage(image)
    mean = model.get_first_stage_encoding(posterior, sample=False)
    torch.testing.assert_close(mean, posterior.mean * 0.18215)
    draws = [
        model.get_first_stage_encoding(posterior, torch.Generator().manual_seed(seed))
        for seed in (1, 1, 2)
    ]
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])
    assert torch.equal(model.get_first_stage_encoding(posterior.mean), mean)
    decoded = model.decode_first_stage(mean)
    assert decoded.shape == image.shape
    torch.testing.assert_close(decoded, model.first_stage_model.decode(posterior.mean))
    assert not decoded.requires_grad


class CountingEncoder(torch.nn.Module):
    """Embeds each prompt as its length."""

    def forward(self, prompts: list[str]) -> Tensor:
        """Return (B, 77, 8)."""
        lengths = torch.tensor([float(len(prompt)) for prompt in prompts])
        return lengths[:, None, None].expand(-1, 77, 8)


def test_prompts_and_the_unconditional_one() -> None:
    model = small_model()
    model.cond_stage_model = CountingEncoder()
    assert model.get_learned_conditioning(["a", "abc"])[:, 0, 0].tolist() == [1, 3]
    unconditional = model.get_unconditional_conditioning(3)
    assert unconditional.shape == (3, 77, 8)
    assert unconditional.count_nonzero() == 0
    assert model.get_unconditional_conditioning(2, "blurry").unique().tolist() == [6]


def test_only_the_unet_is_trainable_unless_said() -> None:
    linear = {"target": "torch.nn.Linear", "params": {"in_features": 2, "out_features": 2}}
    for trainable in (False, True):
        model = small_model(cond_stage_config=linear, cond_stage_trainable=trainable)
        assert all(p.requires_grad for p in model.model.parameters())
        assert not any(p.requires_grad for p in model.first_stage_model.parameters())
        assert all(p.requires_grad == trainable for p in model.cond_stage_model.parameters())


def test_published_conversions_are_those_of_the_parameterization() -> None:
    x, output, t = *torch.randn(2, 2, 4, 2, 2).double(), torch.tensor([3, 700])
    noise, velocity = schedule_model("eps"), schedule_model("v")
    clean = noise.predict_start_from_noise(x, t, output)
    assert torch.equal(clean, noise.predict_start_from_output(x, t, output))
    torch.testing.assert_close(noise.q_sample(clean, t, output), x, atol=1e-5, rtol=0)
    clean = velocity.predict_start_from_z_and_v(x, t, output)
    assert torch.equal(clean, velocity.predict_start_from_output(x, t, output))
    eps = velocity.predict_eps_from_z_and_v(x, t, output)
    assert torch.equal(eps, velocity.predict_eps_from_output(x, t, output))
    torch.testing.assert_close(velocity.q_sample(clean, t, eps), x, atol=1e-5, rtol=0)


def test_noise_is_drawn_where_none_is_given() -> None:
    clean, t = torch.zeros(1, 4, 64, 64), torch.tensor([999])
    noisy = schedule_model("eps").q_sample(clean, t)
    assert noisy.std().item() == pytest.approx(1, abs=0.02)


def test_published_scripts_find_their_methods() -> None:
    model = small_model(first_stage_key="jpg")
    weight = model.betas.clone()
    with model.ema_scope("sampling"):
        assert torch.equal(model.betas, weight)
    z = torch.randn(1, 4, 2, 2, requires_grad=True)
    decoded = model.differentiable_decode_first_stage(z, predict_cids=False)
    assert decoded.requires_grad
    assert torch.equal(decoded, model.decode_first_stage(z, force_not_quantize=False))
    with pytest.raises(ValueError, match="predict_cids: got True, expected False"):
        model.decode_first_stage(z, predict_cids=True)
    assert (model.first_stage_key, model.num_timesteps) == ("jpg", 1000)
    depth = small_depth_model()
    assert (depth.depth_stage_key, list(depth.concat_keys)) == ("midas_in", ["midas_in"])


def test_a_constructor_shows_the_keys_that_it_uses() -> None:
    shown = set(inspect.signature(LatentDiffusion).parameters)
    assert {"timesteps", "scale_factor", "given_betas"} <= shown
    assert not shown & {"monitor", "use_ema", "scheduler_config", "ckpt_path"}


def test_own_betas_and_zero_terminal_snr() -> None:
    betas = [0.1, 0.2, 0.3]
    model = small_model(given_betas=betas)
    assert model.num_timesteps == 3
    torch.testing.assert_close(model.betas, torch.tensor(betas))
    rescaled = small_model(zero_terminal_snr=True, parameterization="v")
    plain = small_model()
    assert rescaled.alphas_cumprod[-1] == 0
    torch.testing.assert_close(rescaled.alphas_cumprod[0], plain.alphas_cumprod[0])
    assert not rescaled.alphas_cumprod.isnan().any()


def test_the_default_guidance_is_the_configurations_or_the_networks() -> None:
    assert small_model().guidance_scale is None
    assert small_model(guidance_scale=5.0).guidance_scale == 5
    narrow = {"unet_config.target": "ldm.modules.narrow.SmallUNetModel"}
    assert small_model(**narrow).guidance_scale == 3
    assert small_model(**narrow, guidance_scale=0.0).guidance_scale == 0
