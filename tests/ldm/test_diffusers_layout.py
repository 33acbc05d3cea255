"""Folders that diffusers saves compute the same here as there."""

from contextlib import nullcontext
from shutil import rmtree

import pytest
import torch

pytest.importorskip("diffusers")
pytest.importorskip("transformers")


from ldm.checkpoint import load_model  # noqa: E402
from ldm.models.diffusion.ddim import DDIMSampler  # noqa: E402
from tests.ldm.diffusers_models import KINDS, build_pipeline, save, small_hybrid  # noqa: E402

PROMPTS = ["a red sphere", ""]
STEPS, GUIDANCE = 10, 4.0


FULL = [pytest.param((kind, "full"), marks=pytest.mark.slow) for kind in ("1.5", "2.1", "2-depth")]


@pytest.fixture(scope="module", params=[*((kind, "small") for kind in KINDS), *FULL], ids=" ".join)
def both(request, tmp_path_factory):
    """A model of theirs, and the one that we load from its folder."""
    kind, size = request.param
    pipeline = build_pipeline(kind, size)
    folder = save(pipeline, tmp_path_factory.mktemp("pipeline"))
    with small_hybrid() if size == "small" else nullcontext():
        model = load_model(folder)
    yield pipeline, model
    rmtree(folder)  # gigabytes of the full ones


def assert_near(got: torch.Tensor, expected: torch.Tensor, tolerance: float) -> None:
    scale = expected.abs().max().clamp(min=1)
    assert ((got - expected).abs().max() / scale).item() < tolerance
    assert expected.std() > 0.01  # a network that puts out one number proves nothing


def test_text_encoder(both):
    pipeline, model = both
    tokens = model.cond_stage_model.tokenize(PROMPTS)
    expected = pipeline.text_encoder(tokens)[0]
    assert_near(model.get_learned_conditioning(PROMPTS), expected, 1e-4)


def test_unet(both):
    pipeline, model = both
    torch.manual_seed(1)
    x, t = torch.randn(2, pipeline.unet.config.in_channels, 16, 8), torch.tensor([7, 801])
    context = torch.randn(2, 77, pipeline.unet.config.cross_attention_dim)
    expected = pipeline.unet(x, t, context).sample
    got = model.model.diffusion_model(x, t, context=context)
    assert_near(got, expected, 1e-4)


def test_autoencoder(both):
    pipeline, model = both
    torch.manual_seed(1)
    image = torch.rand(1, 3, 64, 96) * 2 - 1
    expected = pipeline.vae.encode(image).latent_dist
    got = model.encode_first_stage(image)
    assert_near(got.mode(), expected.mode(), 1e-4)
    assert_near(got.logvar, expected.logvar, 1e-4)
    z = torch.randn(1, 4, 8, 12)
    assert_near(
        model.decode_first_stage(z * model.scale_factor), pipeline.vae.decode(z).sample, 1e-4
    )


def test_depth_network(both):
    pipeline, model = both
    if not hasattr(pipeline, "depth_estimator"):
        pytest.skip("this model looks at no depth")
    side = pipeline.depth_estimator.config.image_size
    image = torch.rand(1, 3, side, side) * 2 - 1
    expected = pipeline.depth_estimator(image).predicted_depth[:, None]
    assert_near(model.depth_model(image), expected, 1e-4)


def test_whole_run(both):
    """DDIM from the same noise and tokens: the same picture."""
    pipeline, model = both
    noise = torch.randn(1, 4, 8, 8)
    depth = [torch.rand(1, 1, 8, 8) * 2 - 1] if hasattr(pipeline, "depth_estimator") else []
    tokens = model.cond_stage_model.tokenize(PROMPTS)
    expected = their_picture(pipeline, pipeline.text_encoder(tokens)[0], noise, depth)
    conditions = [
        {"c_crossattn": [text]} | ({"c_concat": depth} if depth else {})
        for text in (
            model.get_learned_conditioning(PROMPTS[:1]),
            model.get_unconditional_conditioning(1),
        )
    ]
    latents, _ = DDIMSampler(model).sample(
        STEPS,
        1,
        (4, 8, 8),
        conditioning=conditions[0],
        unconditional_conditioning=conditions[1],
        unconditional_guidance_scale=GUIDANCE,
        x_T=noise,
    )
    assert_near(model.decode_first_stage(latents), expected, 1e-3)


def their_picture(pipeline, context, noise, depth):
    """Return the picture of diffusers' own networks and sampler, with guidance."""
    pipeline.scheduler.set_timesteps(STEPS)
    latents = noise
    for t in pipeline.scheduler.timesteps:
        x = torch.cat([latents, *depth], dim=1).repeat(2, 1, 1, 1)
        given, empty = pipeline.unet(x, t, context).sample.split(1)
        guided = empty + GUIDANCE * (given - empty)
        latents = pipeline.scheduler.step(guided, t, latents).prev_sample
    return pipeline.vae.decode(latents / pipeline.vae.config.scaling_factor).sample
