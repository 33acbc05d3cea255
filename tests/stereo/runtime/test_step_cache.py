"""What no latent changes is computed once a run, and nothing else comes of it."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from stereo.method.conditioning import embed_prompts
from stereo.method.run import Hooks, start_run
from stereo.options import SamplingOptions, StereoOptions, preset
from stereo.pipelines import text_to_stereo
from stereo.runtime.speed import suit_device
from stereo.runtime.step_cache import StepCache, step_cache
from tests.stereo.calls import calls_of

TIMESTEPS = (1, 401, 981)
STEPS = 10
TOLERANCE = 1e-5


def inputs(unet, *, rows: int, timestep: int) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(rows)
    latents = torch.randn(rows, unet.in_channels, 8, 8, generator=generator).repeat(2, 1, 1, 1)
    texts = torch.randn(2 * rows, 5, unet.context_dim, generator=generator)
    return latents, torch.full((2 * rows,), timestep), texts


@pytest.mark.parametrize("packed", [False, True])
@torch.no_grad()
def test_a_call_is_what_it_is_without_tables(tiny_model, packed):
    unet = tiny_model.model.diffusion_model
    plain = {
        (rows, index): unet(*inputs(unet, rows=rows, timestep=timestep))
        for rows in (1, 2)
        for index, timestep in enumerate(TIMESTEPS)
    }
    if packed:
        model = copy.deepcopy(tiny_model)
        suit_device(model, torch.device("cpu"))
        unet = model.model.diffusion_model
    known = StepCache(unet, TIMESTEPS, torch.device("cpu"))
    for _ in range(2):  # the second time the texts are known
        for (rows, index), expected in plain.items():
            with known.at(index, views=rows):
                found = unet(*inputs(unet, rows=rows, timestep=TIMESTEPS[index]))
            torch.testing.assert_close(found, expected, atol=TOLERANCE, rtol=0)
    after = unet(*inputs(unet, rows=2, timestep=TIMESTEPS[1]))
    torch.testing.assert_close(after, plain[2, 1], atol=TOLERANCE, rtol=0)


@torch.no_grad()
def test_prompts_of_their_own_are_looked_at_anew(tiny_model):
    unet = tiny_model.model.diffusion_model
    known = StepCache(unet, TIMESTEPS, torch.device("cpu"))
    latents, steps, texts = inputs(unet, rows=1, timestep=TIMESTEPS[0])
    for context in (texts, texts.flip(0)):
        expected = unet(latents, steps, context)
        with known.at(0, views=None):
            torch.testing.assert_close(
                unet(latents, steps, context), expected, atol=TOLERANCE, rtol=0
            )


@pytest.mark.parametrize("options", [preset("paper"), preset("paper", direction="bi")])
def test_a_run_looks_once_at_its_prompts_and_timesteps(tiny_model, tiny_dpt, options):
    unet = tiny_model.model.diffusion_model
    attention = unet.middle_block[1].transformer_blocks[0].attn2
    with calls_of(attention.to_k) as texts, calls_of(unet.time_embed) as times:
        make_pair(tiny_model, tiny_dpt, options)
    views = {"uni": [1], "bi": [1, 2]}[options.direction]
    assert [call.given for call in texts] == [2 * count for count in views]
    assert [call.given for call in times] == [STEPS]


def make_pair(model, depth_model, options: StereoOptions) -> None:
    sampling = SamplingOptions(steps=STEPS, guidance_scale=2.0)
    near = np.linspace(0, 1, 64 * 64, dtype=np.float32).reshape(64, 64)
    text_to_stereo(model, depth_model, "x", options=options, sampling=sampling, disparity=near)


def test_a_run_told_something_else_starts_over(tiny_model):
    sampling = SamplingOptions(steps=STEPS, guidance_scale=2.0)
    conditioning = embed_prompts(tiny_model, "x", "", sampling)
    run = start_run(tiny_model, conditioning, sampling, Hooks(cache=step_cache))
    latents = torch.zeros(1, 4, 8, 8)
    first, _ = run.step(latents, 0, ("trunk",))
    told = replace(run.conditioning, context=run.conditioning.context.flip(1))
    second, _ = replace(run, conditioning=told).step(latents, 0, ("trunk",))
    assert not torch.equal(first, second)


def test_tables_are_where_the_network_will_run(tiny_model):
    """Weights that are shelved for `--offload` lie elsewhere until the network is called."""
    sampling = SamplingOptions(steps=STEPS, guidance_scale=2.0)
    run = start_run(tiny_model, embed_prompts(tiny_model, "x", "", sampling), sampling)
    meta = torch.device("meta")
    known = StepCache(tiny_model.model.diffusion_model, run.sampler.ddim_timesteps, meta)
    assert {shift.device for shift in known._shifts.values()} == {meta}
    kept = step_cache(run.sampler).__self__
    assert {shift.device for shift in kept._shifts.values()} == {torch.device("cpu")}
