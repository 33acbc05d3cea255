"""The exact schedule: how many UNet evaluations it makes, and that they are all it takes.

An evaluation is one view and one guidance branch of one sample.
"""

from collections.abc import Callable

import numpy as np
import pytest

from stereo.method.run import StepReport
from stereo.options import NullTextOptions, SamplingOptions, StereoOptions, preset
from stereo.pipelines import depth_to_stereo, image_to_stereo, text_to_stereo
from tests.stereo.calls import calls_of, evaluations

FIFTY = SamplingOptions(guidance_scale=2.0, seed=3)
INNER_STEPS = 2
# Below any threshold, so that the optimisation never stops early.
NULL_TEXT = NullTextOptions(inner_steps=INNER_STEPS, epsilon=-1.0)
LATENT_TOLERANCE = 1e-4

Workflow = Callable[[StereoOptions, SamplingOptions, Callable[[StepReport], None] | None], None]


@pytest.fixture
def workflows(tiny_model, tiny_depth_conditioned, tiny_dpt) -> dict[str, Workflow]:
    photo = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    near = np.linspace(0, 1, 64 * 64, dtype=np.float32).reshape(64, 64).T
    common = {"disparity": near}

    def text(options, sampling, on_step=None) -> None:
        named = {"options": options, "sampling": sampling, "on_step": on_step}
        text_to_stereo(tiny_model, tiny_dpt, "x", **named, **common)

    def depth(options, sampling, on_step=None) -> None:
        named = {"options": options, "sampling": sampling, "on_step": on_step}
        depth_to_stereo(tiny_depth_conditioned, photo, "x", **named, **common)

    def image(options, sampling, on_step=None) -> None:
        named = {"options": options, "sampling": sampling, "on_step": on_step}
        image_to_stereo(tiny_model, tiny_dpt, photo, null_text=NULL_TEXT, **named, **common)

    return {"text": text, "depth": depth, "image": image}


INVERSION = 50 * (1 + 1 + INNER_STEPS + 1)
EVALUATIONS = {
    ("text", "paper", "uni"): 89 * 2,
    ("text", "original", "bi"): (50 + 2 * 39) * 2,
    ("text", "best", "uni"): (50 + 5) * 2,
    ("depth", "paper", "uni"): 89 * 2,
    ("image", "best", "uni"): 50 + 2 * 5,
    ("image", "paper", "uni"): INVERSION + 39 * 2 * 2,
}


@pytest.mark.parametrize("case", EVALUATIONS, ids="-".join)
def test_evaluations_of_fifty_steps(workflows, tiny_model, tiny_depth_conditioned, case):
    name, preset_name, direction = case
    options = preset(preset_name, direction=direction)
    models = (tiny_model, tiny_depth_conditioned)
    with calls_of(*(model.model.diffusion_model for model in models)) as calls:
        workflows[name](options, FIFTY)
    assert evaluations(calls) == EVALUATIONS[case]
