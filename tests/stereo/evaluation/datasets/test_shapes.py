"""The rendered scenes."""

import numpy as np

from tests.stereo.evaluation.conftest import scenes_of


def test_shapes_are_the_held_out_scenes_with_exact_truth() -> None:
    sources = scenes_of("shapes", count=2, render_px=64)
    assert len(scenes_of("shapes")) == 24
    scene = sources[1].load()
    assert scene.left.shape == (64, 64, 3) and scene.prompt
    assert np.isfinite(scene.disparity).all() and 0.5 < scene.visible.mean() < 1
