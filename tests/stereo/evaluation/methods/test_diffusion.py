"""Methods that run Stable Diffusion, on a tiny network of random weights."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from ldm.models.diffusion.ddpm import LatentDiffusion
from ldm.util import instantiate_from_config
from stereo import pipelines
from stereo.depth.parallax import relative_cells
from stereo.evaluation.methods.diffusion import render
from stereo.evaluation.methods.models import GenerationSettings, Models
from stereo.evaluation.methods.registry import make_method, method_options
from stereo.evaluation.methods.rendering import RenderingTask
from stereo.method.latent_shift import latent_shift
from stereo.pair import StereoPair
from stereo.pixels.warp import warp_right
from tests.stereo.conftest import tiny_config

STEPS = GenerationSettings(steps=12, inner_steps=1, guidance_scale=2.0)


@pytest.fixture(scope="module")
def models() -> Models:
    torch.manual_seed(0)
    network: LatentDiffusion = instantiate_from_config(tiny_config(depth=False)).eval()
    for parameter in network.requires_grad_(False).model.parameters():
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.02)
    made = Models(STEPS)
    made.__dict__["diffusion"] = network
    return made


@pytest.fixture
def task() -> RenderingTask:
    left = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    disparity = np.full((64, 64), 8, np.float32)
    disparity[:, 24:40] = 16
    return RenderingTask("a", left, disparity)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["original", "paper", "paper-without-attention"])
def test_presets_move_by_the_given_pixels(models: Models, task: RenderingTask, name: str) -> None:
    # Null-text inversion takes too long here, and is tested where it lives.
    options = replace(method_options(name), inversion="direct")
    made = render(task, options=options, models=models)
    assert made.right.shape == (64, 64, 3) and made.right.dtype == np.uint8
    # One cell of background leaves on the right; two of foreground uncover one.
    assert not made.valid[:, 56:].any()
    assert 0.7 < made.valid.mean() < 0.9
    assert made.settings["scale_percent"] == pytest.approx(25)


@pytest.mark.slow
def test_the_same_scene_gives_the_same_view(models: Models, task: RenderingTask) -> None:
    once, again = (make_method("best", models)(task).right for _ in range(2))
    np.testing.assert_array_equal(once, again)


@pytest.mark.slow
def test_without_shift_nothing_is_a_hole(models: Models, task: RenderingTask) -> None:
    options = replace(method_options("paper-without-shift"), inversion="direct")
    assert render(task, options=options, models=models).valid.all()


def test_latent_inpainting_keeps_what_the_warp_reached(models: Models, task: RenderingTask) -> None:
    made = make_method("latent-inpainting", models)(task)
    warped, valid = warp_right(task.left, task.disparity_px)
    np.testing.assert_array_equal(made.right[valid], warped[valid])
    assert not valid.all() and (made.right[~valid] != 0).any()


def test_best_gives_the_warp_where_it_reached(models: Models, task: RenderingTask) -> None:
    made = make_method("best", models)(task)
    warped, valid = warp_right(task.left, task.disparity_px)
    assert valid[made.valid].all()
    same = (made.right == warped).all(-1)
    # All but the background beside holes, which shows the rim of what is before it.
    assert same[made.valid].all() and made.valid.sum() > 0.9 * valid.sum()
    assert not same[~valid].all()
    assert made.settings["metric_disparity"] is True


@pytest.mark.parametrize("name", ["original", "paper"])
@pytest.mark.parametrize("side", [64, 128, (96, 192)], ids=str)
def test_metric_disparity_survives_the_methods_own_scaling(
    models: Models, monkeypatch: pytest.MonkeyPatch, name: str, side: int | tuple[int, int]
) -> None:
    # The network works at 64 px, in 8 cells.
    height, width = (side, side) if isinstance(side, int) else side
    cell = width / (16 if width == 192 else 8)
    disparity = np.full((height, width), 1.2 * cell, np.float32)
    disparity[height // 3 : height // 2, width // 3 : width // 2] = 3.2 * cell
    asked = {}

    def workflow(model: object, depth_model: object, image: np.ndarray, **told: Any) -> list:
        asked.update(told, image=image)
        return [StereoPair(image, image, told["disparity"], np.ones(image.shape[:2], bool), {})]

    monkeypatch.setattr(pipelines, "image_to_stereo", workflow)
    view = np.zeros((height, width, 3), np.uint8)
    assert make_method(name, models)(RenderingTask("a", view, disparity)).right.shape == view.shape
    fitted = asked["image"].shape[:2]
    # Nothing is cut off, and the workflow does not crop what it gets.
    assert fitted == (64, 128 if width == 192 else 64)
    assert (asked["sampling"].height_px, asked["sampling"].width_px) == fitted
    near = torch.from_numpy(asked["disparity"])[None]
    size = (fitted[0] // 8, fitted[1] // 8)
    cells = (
        latent_shift(relative_cells(near, size, asked["options"]), asked["options"])
        .right[0]
        .numpy()
    )
    assert cells[0, 0] == 0
    cells[0, 0] = -1
    assert set(np.unique(cells[:2])) == {-1} and cells.min() == -3
