"""Folders that diffusers saves compute the same here as there."""

from pathlib import Path

import numpy as np
import pytest
import torch

pytest.importorskip("diffusers")
pytest.importorskip("transformers")


from ldm.checkpoint import load_model  # noqa: E402
from ldm.models.diffusion.ddim import DDIMSampler  # noqa: E402
from tests.ldm.diffusers_models import KINDS, build_pipeline, save  # noqa: E402

PROMPTS = ["a red sphere", ""]
STEPS, GUIDANCE = 10, 4.0


@pytest.fixture(scope="module", params=KINDS)
def both(request, tmp_path_factory):
    pipeline = build_pipeline(request.param)
    folder = save(pipeline, tmp_path_factory.mktemp("pipeline"))
    return pipeline, load_model(folder)


@pytest.fixture(scope="module")
def saved(tmp_path_factory) -> Path:
    return save(build_pipeline("2.1"), tmp_path_factory.mktemp("saved"))


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
    x, t = torch.randn(2, 4, 16, 8), torch.tensor([7, 801])
    context = torch.randn(2, 77, pipeline.unet.config.cross_attention_dim)
    expected = pipeline.unet(x, t, context).sample
    assert_near(model.apply_model(x, t, context), expected, 1e-4)


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


def test_whole_run(both):
    """DDIM from the same noise and tokens: the same picture."""
    pipeline, model = both
    noise = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(2))
    tokens = model.cond_stage_model.tokenize(PROMPTS)
    prompt, empty = pipeline.text_encoder(tokens)[0].split(1)
    expected = pipeline(
        prompt_embeds=prompt,
        negative_prompt_embeds=empty,
        latents=noise,
        num_inference_steps=STEPS,
        guidance_scale=GUIDANCE,
        height=64,
        width=64,
        output_type="pt",
    ).images
    latents, _ = DDIMSampler(model).sample(
        STEPS,
        1,
        (4, 8, 8),
        conditioning=model.get_learned_conditioning(PROMPTS[:1]),
        unconditional_conditioning=model.get_unconditional_conditioning(1),
        unconditional_guidance_scale=GUIDANCE,
        x_T=noise,
        verbose=False,
    )
    picture = (model.decode_first_stage(latents) / 2 + 0.5).clamp(0, 1)
    assert_near(picture, expected, 1e-3)
    assert np.ptp(expected.numpy()) > 0.1
