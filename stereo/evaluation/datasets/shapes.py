"""Shapes: held-out scenes of the procedural world, rendered on demand, with exact truth."""

from functools import partial

import numpy as np

from shapes.world.scenes import render_scenes
from shapes.world.seeds import HELD_OUT_FIRST_SEED
from stereo.evaluation.datasets.scene import Scene, SceneSource

COUNT = 24
RENDER_PX = 256


def list_shapes(*, count: int = COUNT, render_px: int = RENDER_PX) -> list[SceneSource]:
    """List the first `count` held-out scenes, pictures of `render_px` squared."""
    if count < 1:
        raise ValueError(f"count: got {count}, expected 1 or more")
    seeds = range(HELD_OUT_FIRST_SEED, HELD_OUT_FIRST_SEED + count)
    return [
        SceneSource(
            f"shapes_{k:03d}", "Shapes", partial(_render, f"shapes_{k:03d}", seed, render_px)
        )
        for k, seed in enumerate(seeds)
    ]


def _render(name: str, seed: int, size_px: int) -> Scene:
    scenes = render_scenes([seed], size_px=size_px)
    left, right = (
        (view[0].permute(1, 2, 0).clamp(0, 1) * 255).round().numpy().astype(np.uint8)
        for view in (scenes.left, scenes.right)
    )
    return Scene(
        name,
        left,
        right,
        scenes.disparity_left_px[0].numpy().astype(np.float32),
        scenes.visible_right[0].numpy(),
        prompt=scenes.captions[0],
    )
