"""What is particular to the depth workflow: its picture's strength, and maps in pixels."""

import numpy as np
import pytest
import torch

from ldm.models.diffusion.ddim import DDIMSampler
from stereo import pipelines
from stereo.method.latent_shift import LatentShift
from stereo.noise import seeded_noise
from stereo.options import SamplingOptions, preset
from stereo.pipelines import depth_to_stereo
from stereo.pixels.codec import encode

SQUARE = np.random.default_rng(0).integers(0, 256, (128, 128, 3), dtype=np.uint8)


def planes(near: float) -> np.ndarray:
    disparity = np.zeros((128, 128), np.float32)
    disparity[32:96, 48:80] = near
    return disparity


@pytest.mark.parametrize(
    ("steps", "strength", "noisy"),
    [(12, 1.0, False), (12, 0.5, True), (30, 1.0, False), (30, 0.97, True)],
)
def test_less_than_the_whole_schedule_sets_out_from_the_picture(
    tiny_depth_conditioned, monkeypatch, steps, strength, noisy
):
    """30 steps do not divide 1000: their schedule has 31, and 0.97 of it are 30."""
    begun = []
    renoise = DDIMSampler.stochastic_encode

    def watch(sampler, clean, index, **how):
        begun.append(index)
        return renoise(sampler, clean, index, **how)

    monkeypatch.setattr(DDIMSampler, "stochastic_encode", watch)
    sampling = SamplingOptions(steps=steps, strength=strength, guidance_scale=1)
    depth_to_stereo(tiny_depth_conditioned, SQUARE, "x", sampling=sampling, disparity=planes(1))
    assert bool(begun) == noisy


def test_it_sets_out_from_the_picture_at_the_steps_noise_level(tiny_depth_conditioned, monkeypatch):
    begun, denoise = [], pipelines.denoise_left

    def watch(run, start, **how):
        begun.append((run, start))
        return denoise(run, start, **how)

    monkeypatch.setattr(pipelines, "denoise_left", watch)
    sampling = SamplingOptions(steps=10, strength=0.5, guidance_scale=1, seed=4)
    small = SQUARE[:64, :64]
    depth_to_stereo(
        tiny_depth_conditioned, small, "x", sampling=sampling, disparity=planes(1)[:64, :64]
    )
    ((run, start),) = begun
    clean, noise = encode(tiny_depth_conditioned, small), seeded_noise([4], start.shape[1:])
    alpha = run.sampler.ddim_alphas[4]  # five of ten steps remain
    torch.testing.assert_close(start, alpha**0.5 * clean + (1 - alpha) ** 0.5 * noise)


def test_too_little_strength_is_refused(tiny_depth_conditioned):
    sampling = SamplingOptions(steps=5, strength=0.01)
    with pytest.raises(ValueError, match="strength: got 0.01 of 5 steps"):
        depth_to_stereo(tiny_depth_conditioned, SQUARE, "x", sampling=sampling)


def test_pixels_of_a_picture_are_those_of_the_given_one(tiny_depth_conditioned, monkeypatch):
    """It is 128 px wide, and what is made of it 64: 16 px become 8, and 1 latent cell of 8 px."""
    moved: list[LatentShift] = []

    def watch(relative, plan, options):
        moved.append(plan)
        return conditions(relative, plan, options)

    conditions = pipelines.depth_conditions
    monkeypatch.setattr(pipelines, "depth_conditions", watch)
    (pair,) = depth_to_stereo(
        tiny_depth_conditioned,
        SQUARE,
        "x",
        options=preset("best", metric_disparity=True),
        sampling=SamplingOptions(steps=4, guidance_scale=1),
        disparity=planes(16.0),
    )
    assert pair.left.shape == (64, 64, 3)
    assert pair.settings["disparity_range_px"] == [0, 8]
    # The right view is told of the same depth where the picture goes.
    cells = 64 / moved[0].right.shape[-1]
    assert moved[0].right.min() * cells == pytest.approx(-8, abs=cells / 2)
