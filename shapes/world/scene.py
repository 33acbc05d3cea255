"""What stands in a scene: solids, floor, background, light and the stereo rig, drawn by seed."""

import math
from dataclasses import dataclass, field

import numpy as np

from shapes.world import primitives as shape_codes
from shapes.world.materials import COLOURS, TILES_OF

SHAPES: dict[str, int] = {
    "sphere": shape_codes.SPHERE,
    "box": shape_codes.BOX,
    "cylinder": shape_codes.CYLINDER,
    "cone": shape_codes.CONE,
    "torus": shape_codes.TORUS,
    "card": shape_codes.BOX,
}
OBJECTS = {
    "plain": 0.28,
    "noise": 0.22,
    "leaves": 0.18,
    "stripes": 0.11,
    "checkers": 0.1,
    "dots": 0.11,
}
FLOORS = {
    "plain": 0.16,
    "noise": 0.2,
    "leaves": 0.16,
    "wood": 0.2,
    "checkers": 0.16,
    "stripes": 0.06,
    "dots": 0.06,
}
WALLS = {"plain": 0.35, "noise": 0.25, "leaves": 0.2, "wood": 0.1, "stripes": 0.1}
MUTED = {
    "grey": (0.55, 0.55, 0.56),
    "beige": (0.80, 0.72, 0.58),
    "slate": (0.38, 0.43, 0.48),
    "olive": (0.50, 0.52, 0.36),
    "cream": (0.88, 0.85, 0.77),
    "teal": (0.35, 0.52, 0.52),
    "clay": (0.62, 0.45, 0.37),
}
Vector = np.ndarray


@dataclass(frozen=True)
class Textures:
    """How often objects, floors and walls have which texture."""

    objects: dict[str, float]
    floors: dict[str, float]
    walls: dict[str, float]


RICH = Textures(OBJECTS, FLOORS, WALLS)
# Little hides the shapes here, so that a denoiser learns them sooner.
CALM = Textures(
    {"plain": 0.7, "stripes": 0.1, "checkers": 0.1, "dots": 0.1},
    {"plain": 0.6, "wood": 0.25, "checkers": 0.15},
    {"plain": 1.0},
)
# Reserved for measuring; `shapes.training` refuses them.
HELD_OUT_SEEDS = range(1_000_000_000, 1_500_000_000)
CALM_SEEDS = range(1_500_000_000, 2_000_000_000)
PORTRAIT_SEEDS = range(1_750_000_000, 2_000_000_000)  # calm, too
Range = tuple[float, float]


@dataclass(frozen=True)
class Staging:
    """How freely a scene is arranged: the ranges that its numbers are drawn from.

    Attributes:
        counts: how often there are so many named objects.
        focal: of the camera, in image widths.
        tilt_degrees: of the camera, downwards.
        aim: of the camera above the objects' centres, in world units.
        single_share: of the image that a single object spans.
        pair_share: of the image for each of two.
        across: distance of each of two from the image's middle, in widths.
        depth: of each of two, in distances.
        edge: farthest place of a single object from the middle, in widths.
        face: how boxes are turned about the vertical on average, in radians.
        turns: how far things are turned from that, in parts of the usual.
        odd: how often, in parts of the usual, things are tall, lie, stand off, are thin or foggy.
    """

    counts: dict[str, float]
    focal: Range
    tilt_degrees: Range
    aim: Range
    single_share: Range
    pair_share: Range
    across: Range
    depth: Range
    edge: float
    face: float
    turns: float
    odd: float


FREE = Staging(
    counts={"1": 0.4, "2": 0.4, "3": 0.1, "4": 0.06, "5": 0.04},
    focal=(1.0, 1.4),
    tilt_degrees=(6, 24),
    aim=(-0.06, 0.12),
    single_share=(0.32, 0.62),
    pair_share=(0.36, 0.5),
    across=(0.1, 0.34),
    depth=(0.88, 1.25),
    edge=0.16,
    face=0.0,
    turns=1.0,
    odd=1.0,
)
# Objects stand where one expects them, so that a small denoiser learns what they look like first.
PORTRAIT = Staging(
    counts={"1": 0.6, "2": 0.4},
    focal=(1.15, 1.25),
    tilt_degrees=(13, 17),
    aim=(0.02, 0.04),
    single_share=(0.5, 0.56),
    pair_share=(0.39, 0.42),
    across=(0.23, 0.26),
    depth=(0.98, 1.03),
    edge=0.03,
    face=0.7,
    turns=0.1,
    odd=0.0,
)


def textures_of(seed: int) -> Textures:
    """Return the textures that a seed's scene draws from."""
    return CALM if seed in CALM_SEEDS else RICH


def staging_of(seed: int) -> Staging:
    """Return the arrangement that a seed's scene draws from."""
    return PORTRAIT if seed in PORTRAIT_SEEDS else FREE


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
    background: str
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


def named_mix(rng: np.random.Generator, base: Vector, texture: str) -> Vector:
    """Return the (3, 3) pattern colours of an object: its hue stays the dominant one."""
    drift = rng.uniform(-0.05, 0.05, (2, 3)) * min(1.0, float(base.max()) + 0.1)
    if texture in ("stripes", "checkers", "dots"):
        bright = base.max() > 0.75 and base.min() > 0.5
        other = base * 0.55 if bright or rng.random() < 0.5 else base + (1 - base) * 0.5
        if base.max() < 0.2:
            other = base + 0.22
        if texture == "dots" and rng.random() < 0.4 and base.min() < 0.5:
            other = np.full(3, 0.93)
        return np.stack([other - base, *drift])
    amount = {"plain": 0.1, "noise": 0.3, "leaves": 0.28}[texture]
    if base.min() > 0.8 or 0.4 < base[1] < 0.6 < base[0] - base[2]:
        amount *= 0.45  # grey is no longer white, and dark orange is brown
    span = np.maximum(base * amount, 0.05) if base.max() > 0.2 else np.full(3, 0.06)
    return np.stack([span, *drift])


def object_material(rng: np.random.Generator, colour: str, textures: dict[str, float]) -> Material:
    """Draw the material of an object of the named colour."""
    texture = choose(rng, textures)
    base = np.asarray(COLOURS[colour]) + rng.uniform(-0.03, 0.03, 3)
    mix = named_mix(rng, base, texture)
    if texture in ("noise", "leaves"):
        base = base * 0.95
    density = rng.uniform(0.5, 0.9) if texture in ("stripes", "checkers", "dots") else 0.6
    tile = int(rng.choice(TILES_OF[texture]))
    return Material(texture, tile, base, mix, density, rng.random(2))


def ground_material(rng: np.random.Generator, weights: dict[str, float], scale: float) -> Material:
    """Draw the material of a floor or a wall; `scale` is the span in units of one tile."""
    texture = choose(rng, weights)
    base = np.asarray(MUTED[choose(rng, dict.fromkeys(MUTED, 1.0))]) + rng.uniform(-0.06, 0.06, 3)
    mix = np.stack([base * 0.22, *rng.uniform(-0.05, 0.05, (2, 3))])
    if texture == "leaves":
        mix = rng.uniform(-1, 1, (3, 3)) * 0.17 + np.eye(3) * 0.12
    elif texture == "wood":
        base = np.array((0.60, 0.42, 0.26)) * rng.uniform(0.7, 1.25) + rng.uniform(-0.03, 0.03, 3)
        mix = np.stack([base * 0.16, base * 0.1, base * 0.1])
    elif texture in ("stripes", "checkers", "dots"):
        other = rng.uniform(0.1, 0.9, 3) if rng.random() < 0.4 else np.full(3, rng.random())
        if abs(other.mean() - base.mean()) < 0.25:
            other = base * 0.4
        mix[0] = other - base
    return Material(
        texture, int(rng.choice(TILES_OF[texture])), base, mix, 1 / scale, rng.random(2)
    )


def shape_geometry(
    rng: np.random.Generator, name: str, staging: Staging
) -> tuple[Vector, Vector, float, str, float, float]:
    """Draw half sizes, rotation, height of the centre, adjective, radius on the floor, minor."""
    uniform, minor = rng.uniform, 0.5
    yaw = staging.face + rng.uniform(-math.pi, math.pi) * staging.turns
    adjective = "tall" if rng.random() < 0.3 * staging.odd else ""
    if name == "sphere":
        radius = uniform(0.42, 0.58)
        return np.full(3, radius), turn(1, yaw), radius, "", radius, minor
    if name == "torus":
        radius, minor = uniform(0.38, 0.48), uniform(0.3, 0.44)
        half = np.full(3, radius)
        if rng.random() < 0.3 * staging.odd:
            return half, turn(1, yaw), radius * minor, "", radius * (1 + minor), minor
        stand = turn(1, uniform(-0.85, 0.85) * staging.turns) @ turn(0, math.pi / 2)
        return half, stand, radius * (1 + minor), "", radius * (1 + minor), minor
    if name == "card":
        half = np.array((uniform(0.38, 0.58), uniform(0.42, 0.62), uniform(0.012, 0.03)))
        tilt = uniform(0, 0.4)
        lift = half[1] * math.cos(tilt) + half[2] * math.sin(tilt)
        rotation = turn(1, uniform(-0.9, 0.9) * staging.turns) @ turn(0, tilt)
        return half, rotation, lift, "", half[0] + 0.1, minor
    if name == "box":
        half = np.array((uniform(0.34, 0.52), uniform(0.3, 0.5), uniform(0.34, 0.52)))
        if adjective:
            half = np.array((uniform(0.22, 0.32), uniform(0.6, 0.8), uniform(0.22, 0.32)))
        return half, turn(1, yaw), half[1], adjective, 1.3 * max(half[0], half[2]), minor
    wide, high = ((0.3, 0.44), (0.36, 0.54)) if name == "cylinder" else ((0.4, 0.54), (0.46, 0.6))
    if adjective:
        wide, high = (
            ((0.19, 0.28), (0.62, 0.82)) if name == "cylinder" else ((0.28, 0.38), (0.66, 0.86))
        )
    radius, tall = uniform(*wide), uniform(*high)
    half = np.array((radius, tall, radius))
    if name == "cylinder" and rng.random() < 0.18 * staging.odd:
        lying = turn(1, uniform(-1.3, 1.3)) @ turn(2, math.pi / 2)
        return half, lying, radius, "", max(radius, tall), minor
    return half, turn(1, yaw), tall, adjective, radius, minor


def draw_solid(
    rng: np.random.Generator, name: str, colour: str, textures: Textures, staging: Staging
) -> tuple[Solid, float]:
    """Draw a named solid standing on the floor at the origin, and its radius on the floor."""
    half, rotation, lift, adjective, reach, minor = shape_geometry(rng, name, staging)
    material = object_material(rng, colour, textures.objects)
    centre = np.array((0.0, lift, 0.0))
    return Solid(
        name, SHAPES[name], colour, adjective, material, half, rotation, centre, minor
    ), reach


def draw_pole(rng: np.random.Generator) -> Solid:
    """Draw a thin pole standing on the floor at the origin."""
    radius, half_height = rng.uniform(0.015, 0.04), rng.uniform(0.7, 1.3)
    colour = choose(rng, {"white": 1.0, "black": 1.0, "brown": 1.0})
    material = object_material(rng, colour, {"plain": 1.0})
    half = np.array((radius, half_height, radius))
    lean = turn(2, rng.uniform(-0.3, 0.3) if rng.random() < 0.4 else 0.0)
    centre = np.array((0.0, half_height * 0.96, 0.0))
    return Solid("pole", shape_codes.CYLINDER, "", "", material, half, lean, centre)
