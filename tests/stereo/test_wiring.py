"""What the workflows hand on: maps with their sign, prompts in their roles, networks as fed."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from stereo import pipelines
from stereo.depth.disparity import predict_disparity
from stereo.depth.parallax import relative_cells
from stereo.method.conditioning import embed_prompts
from stereo.method.latent_shift import latent_shift
from stereo.options import NullTextOptions, SamplingOptions, preset
from stereo.pipelines import depth_to_stereo, image_to_stereo, text_to_stereo

FEW = SamplingOptions(steps=5, guidance_scale=1)
NULL_TEXT = NullTextOptions(inner_steps=1)
PHOTO = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)


class Ramp(nn.Module):
    """A depth network that finds the right side near, and remembers what it was fed."""

    net_size_px = 32

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))
        self.fed: list[torch.Tensor] = []

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.fed.append(x)
        return torch.linspace(0, 1, x.shape[-1]).expand(len(x), *x.shape[-2:])


@pytest.mark.parametrize("name", ["original", "paper", "best"])
@pytest.mark.parametrize("workflow", ["text", "image"])
def test_what_the_network_finds_near_is_near(tiny_model, workflow, name):
    depth, options = Ramp(), preset(name)
    if workflow == "text":
        (pair,) = text_to_stereo(tiny_model, depth, "x", options=options, sampling=FEW)
    else:
        (pair,) = image_to_stereo(
            tiny_model, depth, PHOTO, options=options, sampling=FEW, null_text=NULL_TEXT
        )
    assert pair.disparity[:, -1].min() > 0.9 and pair.disparity[:, 0].max() < 0.1
    (fed,) = depth.fed
    assert fed.shape[-1] == (64 if name == "original" else 32), "its own size, else the network's"


def test_a_depth_model_may_be_any_function_and_a_picture_a_path(tiny_model, tmp_path):
    ramp = np.tile(np.linspace(0, 1, PHOTO.shape[1], dtype=np.float32), (PHOTO.shape[0], 1))
    Image.fromarray(PHOTO).save(tmp_path / "photo.png")
    common = {"options": preset("best"), "sampling": FEW}
    (pair,) = image_to_stereo(tiny_model, lambda _: ramp, tmp_path / "photo.png", **common)
    (same,) = image_to_stereo(tiny_model, lambda _: ramp, PHOTO, **common)
    np.testing.assert_array_equal(pair.left, PHOTO)
    np.testing.assert_array_equal(pair.right, same.right)
    assert pair.disparity[:, -1].min() > 0.9 and pair.disparity[:, 0].max() < 0.1


def test_a_function_that_gives_no_map_is_refused(tiny_model):
    with pytest.raises(ValueError, match=r"depth_model: gave uint8 of shape \(64, 64, 3\)"):
        image_to_stereo(tiny_model, lambda image: image, PHOTO, sampling=FEW)
    with pytest.raises(ValueError, match=r"expected \(H, W, 3\) uint8"):
        image_to_stereo(tiny_model, None, np.zeros((8, 8)), sampling=FEW)


def test_published_feeding_is_not_normalised():
    depth = Ramp()
    for preprocessing in ("published", "dpt"):
        predict_disparity(depth, np.zeros_like(PHOTO), preprocessing=preprocessing)
    as_published, normalised = depth.fed
    assert as_published.unique().tolist() == [0]
    assert normalised.unique().tolist() == [-1]


@pytest.mark.parametrize("name", ["original", "paper", "best"])
def test_the_depth_conditioned_network_is_told_near_as_1(tiny_depth_conditioned, monkeypatch, name):
    told = {}

    def watch(model, prompt, negative_prompt, sampling, depth):
        told.update(depth)
        return embed_prompts(model, prompt, negative_prompt, sampling, depth)

    monkeypatch.setattr(pipelines, "embed_prompts", watch)
    near = np.tile(np.linspace(0, 1, 64, dtype=np.float32), (64, 1))
    (pair,) = depth_to_stereo(
        tiny_depth_conditioned, PHOTO, "x", options=preset(name), sampling=FEW, disparity=near
    )
    for view in ("trunk", "left"):
        assert told[view][..., -1].min() > 0.9 and told[view][..., 0].max() < -0.9
    assert pair.disparity[:, -1].min() > 0.9 and pair.disparity[:, 0].max() < 0.1


def test_the_prompt_leads_and_the_negative_one_repels(tiny_model):
    told = embed_prompts(tiny_model, "a", "", SamplingOptions(samples=2, guidance_scale=3))
    wanted, unwanted = tiny_model.get_learned_conditioning(["a", ""])
    assert not torch.equal(wanted, unwanted)
    for k in range(2):
        torch.testing.assert_close(told.context[k], wanted)
        torch.testing.assert_close(told.unconditional[k], unwanted)
    assert told.guidance_scale == 3


def test_a_moved_left_view_takes_its_map_along():
    """A square of 4 cells moves right by 2 in the left view, and so does its later shift."""
    near = torch.zeros(1, 16, 32)
    near[:, 4:8, 10:14] = 1
    options = preset("paper", shift_both=True, scale_percent=12.5)  # 4 cells between the views
    plan = latent_shift(relative_cells(near, (16, 32), options), options)
    expected = torch.zeros_like(near)
    expected[:, 4:8, 12:16] = -4
    assert torch.equal(plan.refresh.float(), expected)
    original = preset("original", shift_both=True, scale_percent=12.5)
    published = latent_shift(relative_cells(near, (16, 32), original), original)
    assert torch.equal(published.refresh, published.right)
