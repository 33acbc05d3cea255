"""Pairs: the disparity that they carry is the one that made them."""

import numpy as np
import pytest
import torch

from stereo.depth.disparity import predict_disparity
from stereo.depth.parallax import normalise, widen_edges
from stereo.depth.refine import refine
from stereo.options import SamplingOptions, preset
from stereo.pipelines import image_to_stereo

FEW = SamplingOptions(steps=5, guidance_scale=2.0, seed=3)


@pytest.mark.parametrize("refined", [True, False])
def test_a_predicted_map_is_saved_as_it_was_fitted_and_widened(tiny_model, tiny_dpt, refined):
    photo = np.random.default_rng(0).integers(0, 256, (80, 100, 3), dtype=np.uint8)
    options = preset("best", edge_dilation_percent=5.0, refined_edges=refined)
    (pair,) = image_to_stereo(tiny_model, tiny_dpt, photo, options=options, sampling=FEW)
    found = predict_disparity(tiny_dpt, photo)
    predicted = torch.from_numpy(refine(found, photo) if refined else found)[None]
    widened = normalise(widen_edges(predicted, 5.0))[0].numpy()
    np.testing.assert_allclose(pair.disparity, widened, atol=1e-5)
    assert np.abs(pair.disparity - normalise(predicted)[0].numpy()).max() > 0.01


def test_a_map_of_the_user_s_is_saved_as_it_is(tiny_model, tiny_dpt):
    photo = np.zeros((80, 100, 3), np.uint8)
    own = np.linspace(0, 1, 100, dtype=np.float32) * np.ones((80, 1), np.float32)
    (pair,) = image_to_stereo(
        tiny_model, tiny_dpt, photo, options=preset("best"), sampling=FEW, disparity=own
    )
    np.testing.assert_allclose(pair.disparity, own, atol=1e-6)
