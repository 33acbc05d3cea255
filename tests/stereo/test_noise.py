"""Noise of one seed for several uses: none is another's, and none depends on the batch."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from stereo.noise import SampleNoise, derived_seed
from stereo.options import SamplingOptions, preset
from stereo.pipelines import text_to_stereo

SHAPE = (4, 16, 16)
SEEDS = st.integers(0, 2**32 - 2)


def correlation(a: torch.Tensor, b: torch.Tensor) -> float:
    return float(torch.corrcoef(torch.stack([a.flatten(), b.flatten()]))[0, 1])


@settings(max_examples=30, deadline=None)
@given(SEEDS)
def test_no_use_takes_the_noise_of_another(seed):
    noise = SampleNoise([seed, seed + 1], SHAPE)
    drawn = [noise.start(), noise.holes(), *(noise.step(index, 1) for index in range(3))]
    samples = [draw[k] for draw in drawn for k in range(2)]
    pairs = torch.corrcoef(torch.stack([sample.flatten() for sample in samples]))
    # 1024 draws: independent ones reach 0.2 in 1 of 10^10 pairs.
    assert (pairs - torch.eye(len(pairs))).abs().max() < 0.2


@given(SEEDS, st.text())
def test_derived_seeds_are_seeds(seed, use):
    derived = derived_seed(seed, use)
    assert 0 <= derived < 2**32 and derived == derived_seed(seed, use)
    SamplingOptions(seed=derived)


@pytest.mark.parametrize("eta", [0.0, 0.7])
def test_a_sample_is_what_it_is_alone(tiny_model, tiny_dpt, eta):
    sampling = SamplingOptions(
        steps=6, guidance_scale=1, eta=eta, seed=3, samples=2, height_px=64, width_px=64
    )
    _, second = text_to_stereo(tiny_model, tiny_dpt, "x", sampling=sampling)
    alone = replace(sampling, seed=4, samples=1)
    (same,) = text_to_stereo(tiny_model, tiny_dpt, "x", sampling=alone)
    assert abs(second.left.astype(int) - same.left).max() <= 1
    assert abs(second.right.astype(int) - same.right).max() <= 1


def test_holes_are_not_filled_with_what_the_left_view_began_from(tiny_model, tiny_dpt, monkeypatch):
    """Where noise goes into holes it is new: the left view's own would be its content again."""
    drawn, holes = {}, SampleNoise.holes

    def remember(noise):
        drawn.update(holes=holes(noise), start=noise.start())
        return drawn["holes"]

    monkeypatch.setattr(SampleNoise, "holes", remember)
    sampling = SamplingOptions(steps=5, guidance_scale=1, seed=9, height_px=64, width_px=64)
    text_to_stereo(tiny_model, tiny_dpt, "x", options=preset("paper"), sampling=sampling)
    assert abs(correlation(drawn["holes"], drawn["start"])) < 0.3
