"""Previews of latents, with the embedded model's autoencoder."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from stereo.app.preview import PairPreview, draw_latents, fit_colours
from stereo.fit import Fit
from stereo.images import read_image
from stereo.pixels.codec import encode
from tests.stereo.app.test_inputs import ROOT


@pytest.fixture(scope="module")
def model() -> object:
    from stereo.runtime.models import load_model

    return load_model("image", ckpt=ROOT / "models" / "shapes.safetensors", device="cpu")


def test_previews_look_like_the_picture(model: object) -> None:
    scene = read_image(ROOT / "docs" / "scene.png")
    size = scene.shape[1], scene.shape[0]
    latents = encode(model, scene)[0]
    seen = draw_latents(latents, fit_colours(model)).astype(float)
    small = Fit((0, 0, *size), (latents.shape[2], latents.shape[1])).image(scene).astype(float)
    assert seen.shape == small.shape
    # Colours of any other map than the fitted one stay far below.
    assert np.corrcoef(seen.ravel(), small.ravel())[0, 1] > 0.85


def test_views_are_told_apart() -> None:
    colours = np.zeros((5, 3), np.float32)
    colours[0] = 1

    def report(stage: str, *values: float) -> SimpleNamespace:
        predicted = torch.stack([torch.full((4, 2, 2), value) for value in values])
        return SimpleNamespace(stage=stage, predicted=predicted)

    preview = PairPreview(colours)
    preview.update(report("left", -1.0, 0.0))
    black, nothing = preview.left, preview.right
    assert nothing is None
    preview.update(report("right", 1.0, 0.0))
    assert preview.left == black
    white = preview.right
    preview.update(report("pair", 1.0, 0.5, -1.0, 0.5))
    assert (preview.left, preview.right) == (white, black)
