"""Captions with what stands in which column of the picture, from the plan alone: nothing rendered.

Thousands a second, where pictures come by the dozen; what a text encoder has to know of where
things are can be learned from them.
"""

from dataclasses import dataclass

import numpy as np

from shapes.world.captions import SeenObject, describe
from shapes.world.layout import draw_scene
from shapes.world.scene import Scene, Solid

NAMED_SHARE = 0.1  # of the picture, for every surface: large enough that a caption may name it
ROUNDNESS = 0.8  # a column counts as covered where solids are tall, not at their very rim
NOTHING = -1


@dataclass(frozen=True)
class Outline:
    """A caption and, for each column from left to right, the nearest named solid there, or -1."""

    caption: str
    solids: tuple[Solid, ...]
    columns: tuple[int, ...]


def outline(seed: int, *, columns: int) -> Outline:
    """Return the outline of the scene of `seed`, as its left camera would see it."""
    scene = draw_scene(seed)
    named = scene.solids[: scene.named]
    spans = [span_of(solid, scene) for solid in named]
    seen = [
        SeenObject.of(
            solid, k, share=NAMED_SHARE, centre=(spans[k][0], 0.5), depth=float(solid.centre[2])
        )
        for k, solid in enumerate(named)
    ]
    caption = describe(scene, seen, np.full(len(scene.solids), NAMED_SHARE))
    middles = (np.arange(columns) + 0.5) / columns
    found = np.full(columns, NOTHING)
    for k in sorted(range(len(named)), key=lambda k: -named[k].centre[2]):  # the nearest last
        centre, half_width = spans[k]
        found[np.abs(middles - centre) < half_width] = k
    return Outline(caption, tuple(named), tuple(found.tolist()))


def span_of(solid: Solid, scene: Scene) -> tuple[float, float]:
    """Return centre and half width of a solid in the left view, in picture widths."""
    scale = scene.rig.focal / float(solid.centre[2])
    # A card turns its edge to the side; everything else is about as deep as wide.
    reach = solid.half_size[0] if solid.name == "card" else max(solid.half_size[[0, 2]])
    return 0.5 + float(solid.centre[0]) * scale, ROUNDNESS * float(reach) * scale
