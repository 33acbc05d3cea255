"""The exact schedule: how many UNet evaluations it makes, and that they are all it takes.

An evaluation is one view and one guidance branch of one sample.
"""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from stereo.method.denoise import StepReport
from stereo.method.inversion import NullTextOptions
from stereo.options import SamplingOptions, StereoOptions, preset
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
WASTED = 50 * 1
EVALUATIONS = {
    ("text", "paper", "uni", "exact"): 89 * 2,
    ("text", "paper", "uni", "published"): 150 * 2,
    ("text", "original", "bi", "exact"): (50 + 2 * 39) * 2,
    ("text", "original", "bi", "published"): 150 * 2,
    ("text", "best", "uni", "exact"): (50 + 5) * 2,
    ("depth", "paper", "uni", "exact"): 89 * 2,
    ("depth", "paper", "uni", "published"): 100 * 2,
    ("image", "best", "uni", "exact"): 50 + 2 * 5,
    ("image", "paper", "uni", "exact"): INVERSION + 39 * 2 * 2,
    ("image", "paper", "uni", "published"): INVERSION + WASTED + 100 * 2,
}


@pytest.mark.parametrize("case", EVALUATIONS, ids="-".join)
def test_evaluations_of_fifty_steps(workflows, tiny_model, tiny_depth_conditioned, case):
    name, preset_name, direction, schedule = case
    options = preset(preset_name, direction=direction, schedule=schedule)
    models = (tiny_model, tiny_depth_conditioned)
    with calls_of(*(model.model.diffusion_model for model in models)) as calls:
        workflows[name](options, FIFTY)
    assert evaluations(calls) == EVALUATIONS[case]


def final_latents(workflow: Workflow, options: StereoOptions, sampling: SamplingOptions) -> Tensor:
    """Return both views' latents after the last step (2, n, C, h, w)."""
    last: dict[str, Tensor] = {}
    workflow(options, sampling, lambda report: last.update({report.stage: report.latents}))
    views = last["pair"] if "pair" in last else torch.cat([last["left"], last["right"]])
    return torch.stack(views.chunk(2))


@pytest.mark.parametrize(
    ("name", "preset_name", "changes"),
    [
        ("text", "paper", {}),
        ("text", "paper", {"direction": "bi"}),
        ("text", "paper", {"shift_both": True}),
        ("text", "original", {"shift_both": True}),
        ("depth", "paper", {}),
        ("image", "paper", {}),
    ],
)
def test_the_published_schedule_has_the_same_result(workflows, name, preset_name, changes):
    samples = 2 if name == "text" else 1
    sampling = SamplingOptions(steps=12, guidance_scale=2.0, seed=3, samples=samples)
    exact, published = (
        final_latents(
            workflows[name],
            preset(preset_name, scale_percent=25.0, schedule=schedule, **changes),
            sampling,
        )
        for schedule in ("exact", "published")
    )
    assert (exact[0] - exact[1]).abs().max() > 0.1
    torch.testing.assert_close(exact, published, atol=LATENT_TOLERANCE, rtol=0)


def test_the_published_schedule_leaves_the_weights_as_they_were(workflows, tiny_model):
    before = [p.clone() for p in tiny_model.model.parameters()]
    workflows["image"](preset("paper", schedule="published"), SamplingOptions(steps=2))
    for parameter, value in zip(tiny_model.model.parameters(), before, strict=True):
        assert torch.equal(parameter, value)
        assert parameter.grad is None and not parameter.requires_grad


def test_the_published_schedule_is_not_that_of_best():
    for changes in ({"inversion": "direct"}, {"fusion": True}):
        with pytest.raises(ValueError, match="schedule: 'published' is that of null-text"):
            preset("paper", schedule="published", **changes)
