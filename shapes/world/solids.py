"""The things that stand in a scene: their shapes, sizes and materials, drawn at the origin."""

import math

import numpy as np

from shapes.world import primitives
from shapes.world.materials import COLOURS, TILES_OF
from shapes.world.scene import SHAPES, Material, Solid, Vector, choose, turn
from shapes.world.staging import Shares, Staging, Textures

PATTERNS = ("stripes", "checkers", "dots")
MUTED = {
    "grey": (0.55, 0.55, 0.56),
    "beige": (0.80, 0.72, 0.58),
    "slate": (0.38, 0.43, 0.48),
    "olive": (0.50, 0.52, 0.36),
    "cream": (0.88, 0.85, 0.77),
    "teal": (0.35, 0.52, 0.52),
    "clay": (0.62, 0.45, 0.37),
}


def named_mix(rng: np.random.Generator, base: Vector, texture: str) -> Vector:
    """Return the (3, 3) pattern colours of an object: its hue stays the dominant one."""
    drift = rng.uniform(-0.05, 0.05, (2, 3)) * min(1.0, float(base.max()) + 0.1)
    if texture in PATTERNS:
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


def object_material(rng: np.random.Generator, colour: str, textures: Shares) -> Material:
    """Draw the material of an object of the named colour."""
    texture = choose(rng, textures)
    base = np.asarray(COLOURS[colour]) + rng.uniform(-0.03, 0.03, 3)
    mix = named_mix(rng, base, texture)
    if texture in ("noise", "leaves"):
        base = base * 0.95
    density = rng.uniform(0.5, 0.9) if texture in PATTERNS else 0.6
    tile = int(rng.choice(TILES_OF[texture]))
    return Material(texture, tile, base, mix, density, rng.random(2))


def ground_material(rng: np.random.Generator, weights: Shares, scale: float) -> Material:
    """Draw the material of a floor or a wall; `scale` is the span in units of one tile."""
    texture = choose(rng, weights)
    base = np.asarray(MUTED[choose(rng, dict.fromkeys(MUTED, 1.0))]) + rng.uniform(-0.06, 0.06, 3)
    mix = np.stack([base * 0.22, *rng.uniform(-0.05, 0.05, (2, 3))])
    if texture == "leaves":
        mix = rng.uniform(-1, 1, (3, 3)) * 0.17 + np.eye(3) * 0.12
    elif texture == "wood":
        base = np.array((0.60, 0.42, 0.26)) * rng.uniform(0.7, 1.25) + rng.uniform(-0.03, 0.03, 3)
        mix = np.stack([base * 0.16, base * 0.1, base * 0.1])
    elif texture in PATTERNS:
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
    return Solid("pole", primitives.CYLINDER, "", "", material, half, lean, centre)
