"""What a scene is: solids, light and the stereo rig."""

import math
from dataclasses import dataclass, field

import numpy as np

from shapes.world import primitives

SHAPES: dict[str, int] = {
    "sphere": primitives.SPHERE,
    "box": primitives.BOX,
    "cylinder": primitives.CYLINDER,
    "cone": primitives.CONE,
    "torus": primitives.TORUS,
    "card": primitives.BOX,
}
Vector = np.ndarray


@dataclass(frozen=True)
class Material:
    """Colour = base + pattern @ mix, the pattern being three channels of a texture tile."""

    texture: str
    tile: int
    base: Vector
    mix: Vector
    tiles_per_unit: float
    offset: Vector


@dataclass(frozen=True)
class Solid:
    """One surface of the scene: the unit shape scaled by `half_size`, turned, put at `centre`."""

    name: str
    shape: int
    colour: str
    adjective: str
    material: Material
    half_size: Vector
    rotation: Vector
    centre: Vector
    minor: float = 0.5
    is_emissive: bool = False


@dataclass(frozen=True)
class Rig:
    """Two parallel pinhole cameras: the right one stands `baseline` to the right of the left.

    Lengths in world units, `focal` in image widths; disparity = focal * baseline / depth in widths.
    """

    focal: float
    baseline: float
    height: float
    pitch: float


@dataclass(frozen=True)
class Scene:
    """All that a seed decides; `solids` are the named ones, then clutter, floor, background."""

    seed: int
    rig: Rig
    solids: list[Solid]
    named: int
    light: Vector
    ambient: float
    haze: Vector
    fog_length: float
    clear_depth: float
    words: np.random.Generator = field(repr=False)


def choose(rng: np.random.Generator, weights: dict[str, float]) -> str:
    """Draw a key with probability proportional to its weight."""
    total = np.cumsum(list(weights.values()))
    return list(weights)[int(np.searchsorted(total, rng.random() * total[-1], side="right"))]


def turn(axis: int, angle: float) -> Vector:
    """Return the rotation matrix by `angle` radians about one coordinate axis."""
    first, second = (axis + 1) % 3, (axis + 2) % 3
    matrix = np.eye(3)
    matrix[first, first] = matrix[second, second] = math.cos(angle)
    matrix[second, first] = math.sin(angle)
    matrix[first, second] = -math.sin(angle)
    return matrix
