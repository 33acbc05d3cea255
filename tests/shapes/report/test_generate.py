"""Pictures from prompts."""

import torch

from shapes.report.generate import Sampling, make_pictures


def test_pictures_depend_on_seed_and_prompt_alone(tiny_model, tiny_depth_conditioned):
    sampling = Sampling(steps=2, guidance_scale=2.0)
    texts = ["a red box"] * 5
    pictures = make_pictures(tiny_model, texts, sampling)
    assert pictures.shape == (5, 3, 64, 64)
    assert 0 <= pictures.min() and pictures.max() <= 1
    alone = make_pictures(tiny_model, texts[:1], sampling)
    torch.testing.assert_close(pictures[:1], alone, atol=1e-4, rtol=1e-4)
    assert not torch.equal(pictures[0], pictures[4])
    ramp = torch.linspace(0, 1, 64).expand(1, 64, 64)
    one, other = (
        make_pictures(tiny_depth_conditioned, texts[:1], sampling, disparity=near)
        for near in (ramp, ramp.flip(-1))
    )
    assert not torch.allclose(one, other)
