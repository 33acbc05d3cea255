"""Shapes: held-out scenes of the procedural world, rendered on demand, with exact truth."""

from functools import partial

import numpy as np

from shapes.world.scenes import render_scenes
from shapes.world.seeds import HELD_OUT_FIRST_SEED
from stereo.evaluation.datasets.scene import Scene, SceneSource

COUNT = 24
RENDER_PX = 256


def list_shapes(*, count: int | None = None, render_px: int | None = None) -> list[SceneSource]:
    """List the first `count` held-out scenes, pictures of `render_px` squared."""
    names = [f"shapes_{k:03d}" for k in range(count or COUNT)]
    return [
        SceneSource(
            name, "Shapes", partial(_render, name, HELD_OUT_FIRST_SEED + k, render_px or RENDER_PX)
        )
        for k, name in enumerate(names)
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
