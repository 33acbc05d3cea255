"""LatentDiffusion: building from people's files, conversions, precision, refusals."""

import functools
import gzip
import json

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf
from torch import Tensor

from ldm.models.diffusion.ddpm import LatentDepth2ImageDiffusion, LatentDiffusion
from ldm.models.diffusion.guidance import Guidance
from ldm.util import instantiate_from_config
from tests.conftest import GOLDEN
from tests.golden import weights

V1_FILE = """
model:
  base_learning_rate: 1.0e-04
  target: ldm.models.diffusion.ddpm.LatentDiffusion
  params:
    linear_start: 0.00085
    linear_end: 0.0120
    num_timesteps_cond: 1
    log_every_t: 200
    timesteps: 1000
    first_stage_key: "jpg"
    cond_stage_key: "txt"
    image_size: 64
    channels: 4
    cond_stage_trainable: false   # Note: different from the one we trained before
    conditioning_key: crossattn
    monitor: val/loss_simple_ema
    scale_factor: 0.18215
    use_ema: False
    scheduler_config: # never built here
      target: ldm.lr_scheduler.LambdaLinearScheduler
      params:
        warm_up_steps: [ 10000 ]
        cycle_lengths: [ 10000000000000 ]
        f_start: [ 1.e-6 ]
        f_max: [ 1. ]
        f_min: [ 1. ]
    unet_config:
      target: ldm.modules.diffusionmodules.openaimodel.UNetModel
      params:
        image_size: 32 # unused
        in_channels: 4
        out_channels: 4
        model_channels: 320
        attention_resolutions: [ 4, 2, 1 ]
        num_res_blocks: 2
        channel_mult: [ 1, 2, 4, 4 ]
        num_heads: 8
        use_spatial_transformer: True
        transformer_depth: 1
        context_dim: 768
        use_checkpoint: True
        legacy: False
    first_stage_config:
      target: ldm.models.autoencoder.AutoencoderKL
      params:
        embed_dim: 4
        monitor: val/rec_loss
        ddconfig:
          double_z: true
          z_channels: 4
          resolution: 256
          in_channels: 3
          out_ch: 3
          ch: 128
          ch_mult: [1, 2, 4, 4]
          num_res_blocks: 2
          attn_resolutions: []
          dropout: 0.0
        lossconfig:
          target: torch.nn.Identity
    cond_stage_config:
      target: torch.nn.Identity
"""
V2_CHANGES = {
    "unet_config.params.use_fp16": True,
    "unet_config.params.num_head_channels": 64,
    "unet_config.params.use_linear_in_transformer": True,
    "unet_config.params.context_dim": 1024,
}
DEPTH_CHANGES = {
    **V2_CHANGES,
    "unet_config.params.in_channels": 5,
    "conditioning_key": "hybrid",
    "finetune_keys": None,
    "depth_stage_config": {"target": "torch.nn.Identity"},
}
SMALL_CHANGES = {
    "unet_config.params.model_channels": 32,
    "unet_config.params.channel_mult": [1, 2],
    "unet_config.params.num_res_blocks": 1,
    "unet_config.params.context_dim": 8,
    "first_stage_config.params.ddconfig.ch": 32,
    "first_stage_config.params.ddconfig.ch_mult": [1, 1, 1, 1],
    "first_stage_config.params.ddconfig.num_res_blocks": 1,
}


def config_with(changes: dict, target: str = "LatentDiffusion") -> object:
    """Return the file's `model` node with some of its parameters changed."""
    config = OmegaConf.create(V1_FILE).model
    for key, value in changes.items():
        OmegaConf.update(config, f"params.{key}", value)
    config.target = f"ldm.models.diffusion.ddpm.{target}"
    return config


def small_model(**changes: object) -> LatentDiffusion:
    model = instantiate_from_config(config_with({**SMALL_CHANGES, **changes}))
    return weights.fill(model).eval()


def small_depth_model() -> LatentDepth2ImageDiffusion:
    changes = {**DEPTH_CHANGES, **SMALL_CHANGES, "unet_config.params.num_head_channels": 16}
    return weights.fill(
        instantiate_from_config(config_with(changes, "LatentDepth2ImageDiffusion"))
    ).eval()


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
    assert torch.equal(model.apply_model(x, t, {"c_crossattn": [context]}), expected)
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


@torch.no_grad()
@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("same", [True, False])
def test_guidance_looks_once_at_a_depth_map_that_both_texts_have(same: bool, whole: bool) -> None:
    model = small_depth_model().double()  # so that guidance enlarges no rounding
    x, t = torch.randn(2, 4, 8, 8).double(), torch.tensor([1, 900])
    texts, (near, far) = torch.randn(2, 2, 6, 8).double(), torch.randn(2, 2, 1, 8, 8).unbind()
    parts = [
        {"c_crossattn": [texts[0]], "c_concat": [near]},
        {"c_crossattn": [texts[1]], "c_concat": [near if same else far]},
    ]
    unguided, conditional = (model.apply_model(x, t, part) for part in parts)
    rows: list[int] = []
    model.model.diffusion_model.input_blocks[0].register_forward_hook(
        lambda _m, _i, out: rows.append(len(out))
    )
    found = Guidance(parts[1], 3.0, parts[0], whole).output(model, x, t)
    assert rows == [2 if same and not whole else 4]
    expected = unguided + 3.0 * (conditional - unguided)
    torch.testing.assert_close(found, expected, atol=1e-10, rtol=0)


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
            {"c_crossattn": [torch.zeros(1, 6, 8)], "c_concat": [torch.zeros(0, 1, 8, 8)]},
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
