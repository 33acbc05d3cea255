"""Inversion and the whole photo run against the published code's numbers."""

import numpy as np
import pytest
import torch
from torch import nn

from ldm.models.diffusion.ddim import DDIMSampler
from stereo.depth.parallax import relative_cells
from stereo.method.conditioning import Conditioning
from stereo.method.denoise import denoise_joint, denoise_left
from stereo.method.inversion import ddim_inversion, learning_rate, null_text_inversion
from stereo.method.latent_shift import latent_shift
from stereo.method.run import Hooks, Run
from stereo.method.schedule import shift_schedule
from stereo.options import NullTextOptions, preset
from stereo.runtime.device import in_float32
from tests.golden.models import null_text_model

PUBLISHED_NULL_TEXT = NullTextOptions(scale_with_steps=False)


def published_sampler(stored: dict, steps: int) -> DDIMSampler:
    """Build the case's small SD 1 model and its schedule."""
    model = null_text_model(stored["config"]).requires_grad_(False)
    sampler = DDIMSampler(model)
    sampler.make_schedule(steps)
    return sampler


@pytest.mark.parametrize("case", ["null_text_10_same_prompt", "null_text_50"])
def test_null_text_equals_the_published_inversion(golden, case):
    stored = golden(case)
    steps = stored["config"]["num_ddim_steps"]
    sampler = published_sampler(stored, steps)
    assert list(reversed(sampler.ddim_timesteps)) == stored["timesteps"].tolist()
    conditioning = Conditioning(stored["cond"], stored.get("uncond", stored["cond"]), 7.5)
    run = Run(sampler, conditioning, steps)
    trajectory = ddim_inversion(run, stored["latent"])
    torch.testing.assert_close(torch.cat(trajectory), stored["ddim_latents"], atol=2e-5, rtol=0)
    tuned = null_text_inversion(run, trajectory, PUBLISHED_NULL_TEXT)
    assert [len(losses) for losses in tuned.losses] == stored["n_inner"].tolist()
    expected = stored["losses"][torch.isfinite(stored["losses"])]
    flat = torch.tensor([loss for losses in tuned.losses for loss in losses])
    torch.testing.assert_close(flat, expected.float(), rtol=1e-3, atol=0)
    torch.testing.assert_close(tuned.path[-1][0], stored["latent_cur"][-1], atol=5e-4, rtol=0)
    difference = (tuned.embeddings[:, 0, ::4, ::2] - stored["uncond_opt_sub"]).abs()
    assert difference.max() < 1e-2
    assert difference.mean() < 3e-4
    mse = (tuned.path[-1] - trajectory[0]).square().mean()
    torch.testing.assert_close(mse.double(), stored["rec_mse"].double(), rtol=1e-2, atol=0)


def test_null_text_evaluates_the_conditional_branch_once_per_step(golden):
    stored = golden("null_text_10_same_prompt")
    sampler = published_sampler(stored, 10)
    run = Run(sampler, Conditioning(stored["cond"], stored["cond"], 7.5), 10)
    trajectory = ddim_inversion(run, stored["latent"])
    calls: list[int] = []
    sampler.model.model.diffusion_model.register_forward_pre_hook(
        lambda module, args: calls.append(len(args[0]))
    )
    null_text_inversion(run, trajectory, NullTextOptions(inner_steps=2))
    # Conditional once, unconditional for two Adam steps and once to go on.
    assert calls == [1] * 10 * (1 + 2 + 1)


@pytest.mark.long
def test_original_equals_the_published_photo_run(golden):
    stored = golden("img2stereo_uni")
    stride, full = stored["config"]["latent_stride"], stored["config"]["full"]
    sampler = published_sampler(stored, 50)
    conditioning = Conditioning(stored["cond"], stored["uncond_f16"].float(), 7.5)
    seen = {}
    watch = Hooks(lambda r: seen.update({(r.stage, r.step): r.latents}))
    run = Run(sampler, conditioning, 50, watch)
    options = preset("original")
    steps = shift_schedule(50, options)
    plan = latent_shift(relative_cells(stored["disparity"], (64, 64), options), options)
    trunk = denoise_left(run, stored["x_t"], stop=steps.shift + 1)
    seen["pair", 9] = trunk.latents[9].repeat(2, 1, 1, 1)
    left, right, _ = plan.split(trunk.final, None)
    seen["pair", 10] = torch.cat([left, right])
    denoise_joint(run, trunk.final, plan, steps, None, options)
    for step in (9, 10, 11, 20, 21, 49):
        k = 1 if step in full else stride
        torch.testing.assert_close(
            seen["pair", step][..., ::k, ::k],
            stored[f"latents_after_{step}"],
            atol=5e-4 if step == 49 else 1e-4,
            rtol=0,
        )


def test_more_steps_than_a_hundred_keep_a_positive_learning_rate():
    """The published rate falls with the step's number and would go negative."""
    assert NullTextOptions().scale_with_steps
    rates = [learning_rate(step) for step in (0, 25, 99, 100, 101, 400)]
    assert rates == pytest.approx([1e-2, 7.5e-3, 1e-4, 0, 0, 0])
    for rate in rates:
        torch.optim.Adam([torch.zeros(1, requires_grad=True)], lr=rate)


def test_inner_steps_are_checked():
    with pytest.raises(ValueError, match="inner_steps: got 0"):
        NullTextOptions(inner_steps=0)


def test_in_float32_brings_the_precision_back_after_an_error():
    layer = nn.Linear(2, 2).half()
    with pytest.raises(RuntimeError), in_float32(layer):
        assert layer.weight.dtype == torch.float32
        raise RuntimeError
    assert layer.weight.dtype == torch.float16
    assert np.isfinite(layer.weight.float().detach().numpy()).all()
