"""The shipped weights: pictures show the colours that prompts name and follow their depth."""

import numpy as np
import torch
from torch import Tensor

from shapes.report.generate import Sampling, make_pictures, to_uint8
from shapes.report.measures import rank_correlation
from shapes.report.verdicts import dominant_colour
from shapes.world.scenes import render_views
from shapes.world.seeds import HELD_OUT_FIRST_SEED
from stereo.depth.disparity import disparity_of_tensor
from stereo.depth.loading import EMBEDDED as EMBEDDED_DEPTH
from stereo.depth.loading import load_depth_model
from stereo.runtime.models import EMBEDDED, load_model
from tests.scripts.conftest import ROOT

FEW = Sampling(steps=15, guidance_scale=3)


def test_objects_have_the_colour_that_the_prompt_names() -> None:
    model = load_model("text", ckpt=ROOT / "models" / f"{EMBEDDED['text']}.safetensors")
    colours = ("red", "blue", "yellow", "green")
    pictures = to_uint8(make_pictures(model, [f"a {c} sphere" for c in colours], FEW))
    # A single object stands in the middle.
    middle = np.zeros(pictures.shape[1:3], bool)
    middle[96:176, 96:160] = True
    found = [dominant_colour(picture, middle) for picture in pictures]
    right = sum(name == colour for name, colour in zip(found, colours, strict=True))
    # By chance it would be one of ten.
    assert right >= 3, found


def correlation(given: Tensor, found: Tensor) -> float:
    """Return the mean rank correlation of maps (N, H, W)."""
    pairs = zip(given.flatten(1).numpy(), found.flatten(1).numpy(), strict=True)
    return float(np.mean([rank_correlation(*pair) for pair in pairs]))


def test_pictures_follow_the_depth_that_they_are_given() -> None:
    model = load_model("depth", ckpt=ROOT / "models" / f"{EMBEDDED['depth']}.safetensors")
    depth_model = load_depth_model(EMBEDDED_DEPTH)
    views = render_views(range(HELD_OUT_FIRST_SEED, HELD_OUT_FIRST_SEED + 4))
    # The same scenes with left and right exchanged, under the same words and noise.
    given = torch.cat([views.disparity_left_px, views.disparity_left_px.flip(2)])
    pictures = make_pictures(model, views.captions * 2, FEW, disparity=given)
    found = disparity_of_tensor(depth_model, pictures * 2 - 1)
    assert correlation(given, found) > 0.75
    # Floors are alike in all scenes; what stands out of its row are the objects.
    wanted, seen = (maps - maps.median(2, keepdim=True).values for maps in (given, found))
    assert correlation(wanted, seen) > correlation(wanted, seen.roll(4, 0)) + 0.1
