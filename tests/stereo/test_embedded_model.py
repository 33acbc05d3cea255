"""The shipped weights: pictures show the colours that prompts name and follow their depth."""

import numpy as np

from ldm.data.shapes import HELD_OUT_FIRST_SEED, render_views
from ldm.training.report import rank_correlation
from stereo.disparity import disparity_of_tensor
from stereo.models import EMBEDDED, EMBEDDED_DEPTH, load_depth_model, load_model
from stereo.report.generate import Sampling, make_pictures, to_uint8
from stereo.report.verdicts import dominant_colour
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


def test_pictures_follow_the_depth_that_they_are_given() -> None:
    model = load_model("depth", ckpt=ROOT / "models" / f"{EMBEDDED['depth']}.safetensors")
    depth_model = load_depth_model(ROOT / "midas_models" / f"{EMBEDDED_DEPTH}.safetensors")
    views = render_views([HELD_OUT_FIRST_SEED, HELD_OUT_FIRST_SEED + 1])
    given = views.disparity_left_px
    pictures = make_pictures(model, views.captions, FEW, disparity=given)
    found = disparity_of_tensor(depth_model, pictures * 2 - 1)
    for own, other in ((0, 1), (1, 0)):
        wanted, seen, elsewhere = (
            maps.flatten().numpy() for maps in (given[own], found[own], found[other])
        )
        follows = rank_correlation(wanted, seen)
        assert follows > 0.7 and follows > rank_correlation(wanted, elsewhere)
