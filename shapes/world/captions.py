"""Captions that say only what can be seen, from "a red sphere" to two related objects."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from shapes.world.materials import COLOURS
from shapes.world.scene import SHAPES, Scene, Solid

FLOOR_WORDS = {
    "plain": "plain",
    "noise": "stone",
    "leaves": "colourful",
    "wood": "wooden",
    "checkers": "checkered",
    "stripes": "striped",
    "dots": "dotted",
}
OBJECT_WORDS = {"stripes": "striped", "checkers": "checkered", "dots": "dotted"}
VOCABULARY_WORDS: tuple[str, ...] = tuple(
    sorted(
        {*COLOURS, *SHAPES, *FLOOR_WORDS.values(), *OBJECT_WORDS.values()}
        | set("a and on the left right of in front behind under sky cloudy blue wall floor".split())
        | set("an in tall thin pole fog before with".split())
    )
)
MIN_SHARE = 0.004


@dataclass(frozen=True)
class SeenObject:
    """A named solid as the left image shows it.

    `index` is its value in the `surface` map, `centre` the mean (x, y) of its pixels in image
    widths, `depth` their mean, `share` the part of the image that they fill.
    """

    index: int
    shape: str
    colour: str
    adjective: str
    texture: str
    share: float
    centre: tuple[float, float]
    depth: float

    @classmethod
    def of(cls, solid: Solid, index: int, **view: Any) -> "SeenObject":
        """Return how the left image shows `solid`; `view` is share, centre and depth."""
        texture = solid.material.texture
        return cls(index, solid.name, solid.colour, solid.adjective, texture, **view)


def noun_phrase(rng: np.random.Generator, solid: Solid) -> str:
    """Return "a tall red striped cylinder", adjectives at times left out."""
    words = []
    if solid.adjective and rng.random() < 0.7:
        words.append(solid.adjective)
    words.append(solid.colour)
    texture = OBJECT_WORDS.get(solid.material.texture)
    if texture and rng.random() < 0.6:
        words.append(texture)
    article = "an" if words[0][0] in "aeiou" else "a"
    return " ".join([article, *words, solid.name])


def relation(first: SeenObject, second: SeenObject) -> str:
    """Return the words that relate two visible objects by where they appear in the left image."""
    across = first.centre[0] - second.centre[0]
    if abs(across) > 0.12:
        return "left of" if across < 0 else "right of"
    if abs(first.depth - second.depth) > 0.35:
        return "in front of" if first.depth < second.depth else "behind"
    return "and"


def subject(rng: np.random.Generator, scene: Scene, seen: list[SeenObject]) -> str:
    """Name the visible objects, two of them with their relation."""
    phrases = [noun_phrase(rng, scene.solids[entry.index]) for entry in seen]
    if len(seen) == 2:
        order = [0, 1] if rng.random() < 0.5 else [1, 0]
        first, second = (seen[i] for i in order)
        words = relation(first, second) if rng.random() < 0.8 else "and"
        return f"{phrases[order[0]]} {words} {phrases[order[1]]}"
    return " and ".join(phrases)


def describe(scene: Scene, seen: list[SeenObject], shares: np.ndarray) -> str:
    """Write the caption of a scene.

    Args:
        scene: the scene; its own stream of random words is used up.
        seen: its visible named objects.
        shares: share of the left image that shows each of the scene's solids.
    """
    rng = scene.words
    caption = subject(rng, scene, seen) if seen else ""
    pole_share = float(shares[scene.named : -2].sum())
    floor, back = scene.solids[-2], scene.solids[-1]
    draws = rng.random(4)
    if not caption or (draws[0] < 0.55 and shares[-2] > 0.1):
        floor_words = f"a {FLOOR_WORDS[floor.material.texture]} floor"
        caption = f"{caption} on {floor_words}" if caption else floor_words
    if pole_share > 0.002 and draws[1] < 0.7:
        caption += " with a thin pole"
    if draws[2] < 0.3 and shares[-1] > 0.08:
        caption += back_phrase(back)
    if scene.fog_length < 1e5 and draws[3] < 0.6:
        caption += " in fog"
    return caption


def back_phrase(back: Solid) -> str:
    """Return the words for the wall or the sky."""
    if back.name == "sky":
        return f" under a {'cloudy' if back.material.texture == 'clouds' else 'blue'} sky"
    return f" before a {FLOOR_WORDS[back.material.texture]} wall"
