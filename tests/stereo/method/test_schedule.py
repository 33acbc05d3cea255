"""The exact schedule: how many UNet evaluations it makes, and that they are all it takes.

An evaluation is one view and one guidance branch of one sample.
"""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from stereo.benchmark.networks import Networks
from stereo.benchmark.runs import PROMPT
from stereo.options import NullTextOptions, SamplingOptions, StereoOptions, preset
from stereo.pipelines import depth_to_stereo, image_to_stereo, text_to_stereo
from tests.oracles import published_views
from tests.stereo.calls import calls_of, evaluations

FIFTY = SamplingOptions(guidance_scale=2.0, seed=3)
INNER_STEPS = 2
# Below any threshold, so that the optimisation never stops early.
NULL_TEXT = NullTextOptions(inner_steps=INNER_STEPS, epsilon=-1.0)
LATENT_TOLERANCE = 1e-4

Workflow = Callable[[StereoOptions, SamplingOptions], Tensor]
PHOTO = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
NEAR = np.linspace(0, 1, 64 * 64, dtype=np.float32).reshape(64, 64).T


@pytest.fixture
def networks(tiny_model, tiny_depth_conditioned, tiny_dpt) -> dict[str, Networks]:
    models = {"text": tiny_model, "depth": tiny_depth_conditioned, "image": tiny_model}
    return {task: Networks(task, "tiny", model, tiny_dpt) for task, model in models.items()}


def exact(networks: Networks, options: StereoOptions, sampling: SamplingOptions) -> Tensor:
    """Return both views' latents after the last step of a workflow (2, n, C, h, w)."""
    last: dict[str, Tensor] = {}
    common = {
        "options": options,
        "sampling": sampling,
        "disparity": NEAR,
        "on_step": lambda report: last.update({report.stage: report.latents}),
    }
    model, depth_model = networks.model, networks.depth_model
    if networks.task == "text":
        text_to_stereo(model, depth_model, PROMPT, **common)
    elif networks.task == "depth":
        depth_to_stereo(model, PHOTO, PROMPT, **common)
    else:
        image_to_stereo(model, depth_model, PHOTO, null_text=NULL_TEXT, **common)
    if options.fusion:
        return last["right"]
    views = last["pair"] if "pair" in last else torch.cat([last["left"], last["right"]])
    return torch.stack(views.chunk(2))


def published(networks: Networks, options: StereoOptions, sampling: SamplingOptions) -> Tensor:
    """Return the same on the published schedule."""
    common = {"disparity": NEAR, "null_text": NULL_TEXT}
    return torch.stack(published_views(networks, PHOTO, options, sampling, **common))


SCHEDULES = {"exact": exact, "published": published}
INVERSION = 50 * (1 + 1 + INNER_STEPS + 1)
CONDITIONAL_AGAIN = 50 * 1
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
    ("image", "paper", "uni", "published"): INVERSION + CONDITIONAL_AGAIN + 100 * 2,
}


@pytest.mark.parametrize("case", EVALUATIONS, ids="-".join)
def test_evaluations_of_fifty_steps(networks, case):
    task, preset_name, direction, schedule = case
    options = preset(preset_name, direction=direction)
    with calls_of(networks[task].model.model.diffusion_model) as calls:
        SCHEDULES[schedule](networks[task], options, FIFTY)
    assert evaluations(calls) == EVALUATIONS[case]


@pytest.mark.parametrize(
    ("task", "preset_name", "changes"),
    [
        ("text", "paper", {}),
        ("text", "paper", {"direction": "bi"}),
        ("text", "paper", {"shift_both": True}),
        ("text", "original", {"shift_both": True}),
        ("depth", "paper", {}),
        ("image", "paper", {}),
    ],
)
def test_the_published_schedule_has_the_same_result(networks, task, preset_name, changes):
    samples = 2 if task == "text" else 1
    sampling = SamplingOptions(steps=12, guidance_scale=2.0, seed=3, samples=samples)
    options = preset(preset_name, scale_percent=25.0, **changes)
    left, right = exact(networks[task], options, sampling)
    assert (left - right).abs().max() > 0.1
    expected = published(networks[task], options, sampling)
    torch.testing.assert_close(torch.stack([left, right]), expected, atol=LATENT_TOLERANCE, rtol=0)


def test_the_published_schedule_leaves_the_weights_as_they_were(networks, tiny_model):
    before = [p.clone() for p in tiny_model.model.parameters()]
    published(networks["image"], preset("paper"), SamplingOptions(steps=2, guidance_scale=2.0))
    for parameter, value in zip(tiny_model.model.parameters(), before, strict=True):
        assert torch.equal(parameter, value)
        assert parameter.grad is None and not parameter.requires_grad


def test_the_published_schedule_evaluates_every_call_whole(networks):
    unet = networks["text"].model.model.diffusion_model
    whole = [2] * 5 + [4] * 5  # the left view alone, then both; each under two texts
    parts = (unet, unet.time_embed, unet.middle_block[1].transformer_blocks[0].attn2.to_k)
    with calls_of(*parts) as calls:
        sampling = SamplingOptions(steps=5, guidance_scale=2.0)
        published(networks["text"], preset("paper"), sampling)
    assert [call.given for call in calls] == [rows for rows in whole for _ in parts]
