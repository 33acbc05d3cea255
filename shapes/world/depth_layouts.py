"""What stands where in scenes that teach depth: rooms, tables, walls, clouds, cut-off foregrounds.

Floors, ceilings and walls are met as often as is needed for rows to say nothing about depth on
average (tests/shapes/world/test_depth_scenes.py); what a floor is, shows in the picture alone.
"""

from dataclasses import dataclass, field, replace

import numpy as np

from shapes.world.depth_solids import (
    Solid,
    box_planes,
    is_drawable,
    meet,
    outline_field,
    prism_planes,
    rock_planes,
)
from shapes.world.depth_tiles import COUNTS, FIRST, PLAIN_TILES
from shapes.world.scene import turn


@dataclass(frozen=True)
class Paint:
    """Colour = base + tile @ mix, times what a second, coarser tile of noise leaves."""

    tile: int
    density: float
    base: np.ndarray
    mix: np.ndarray
    stain_tile: int
    stain_density: float
    stain: float
    gloss: float
    is_print: bool = False


@dataclass(frozen=True)
class Layout:
    """A scene: solids with their paints, the room first; focal length in widths; up, to light."""

    solids: list[Solid]
    paints: list[Paint]
    focal: float
    up: np.ndarray
    light: np.ndarray


def log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    """Draw a number whose logarithm is uniform."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def random_turn(rng: np.random.Generator) -> np.ndarray:
    """Draw a rotation, uniform over all."""
    q, r = np.linalg.qr(rng.standard_normal((3, 3)))
    q = q * np.sign(np.diag(r))
    return q * np.linalg.det(q)


def draw_paint(rng: np.random.Generator, solid: Solid, *, prints: int) -> Paint:
    """Draw the paint of a solid; the last `prints` tiles of the atlas show pictures."""
    size, is_card = float(solid.half.mean()), solid.half.min() < 0.05 * solid.half.max()
    kind = str(rng.choice([*COUNTS, "plain"], p=[0.22, 0.17, 0.1, 0.08, 0.07, 0.12, 0.1, 0.14]))
    tile = FIRST["noise"] if kind == "plain" else FIRST[kind] + int(rng.integers(COUNTS[kind]))
    chroma = rng.uniform(0.01, 0.12) if rng.random() < 0.7 else 0.3
    base = np.clip(rng.uniform(0.08, 0.9) + rng.normal(0, chroma, 3), 0.03, 0.97)
    contrast = 0.03 if kind == "plain" else log_uniform(rng, 0.06, 0.4)
    mix = contrast * (rng.normal(0, 2 * chroma, (3, 3)) + rng.normal(0, 0.6, (3, 1)))
    density = 1 / (size * log_uniform(rng, 0.5, 4))
    is_print = prints > 0 and not solid.is_room and rng.random() < (0.5 if is_card else 0.1)
    if is_print:
        tile, base = PLAIN_TILES + int(rng.integers(prints)), np.full(3, 0.5)
        mix = np.eye(3) * rng.uniform(0.3, 0.5)
        density = 0.5 / float(solid.half[[0, 2]].mean())
    stain_tile = FIRST["noise"] + int(rng.integers(COUNTS["noise"]))
    stain = log_uniform(rng, 0.02, 0.3)
    gloss = rng.uniform(0.1, 0.8) if rng.random() < 0.25 else 0.0
    return Paint(tile, density, base, mix, stain_tile, density * 0.3, stain, gloss, is_print)


def draw_room(rng: np.random.Generator, camera: np.ndarray) -> Solid:
    """Draw the room around the camera: its walls at 0.4 to 12 units, at times all aslant."""
    low = np.array([log_uniform(rng, 0.5, 6), log_uniform(rng, 0.5, 4), 0.5])
    high = np.array([log_uniform(rng, 0.5, 6), log_uniform(rng, 0.5, 4), log_uniform(rng, 1, 8)])
    axes = camera @ turn(1, rng.uniform(-0.9, 0.9) if rng.random() < 0.6 else 0.0)
    if rng.random() < 0.2:
        axes = axes @ random_turn(rng)
    centre = axes @ ((high - low) / 2)
    return Solid(centre, axes, (high + low) / 2, box_planes(), is_room=True)


def draw_body(rng: np.random.Generator, noise: np.ndarray) -> Solid:
    """Draw a body of size about 1 at the origin, its y axis down."""
    kind = rng.choice(
        ["box", "ball", "tube", "prism", "cone", "rock", "card", "bar"],
        p=[0.2, 0.17, 0.13, 0.08, 0.1, 0.1, 0.14, 0.08],
    )
    half = np.exp(rng.normal(0, 0.45, 3))
    planes, quadric, outline = box_planes(), None, None
    if kind == "ball":
        quadric = np.ones(3)
    elif kind == "tube":
        half[2] = half[0]
        quadric = np.array((1.0, 0.0, 1.0))
    elif kind in ("prism", "cone"):
        taper = rng.uniform(0.5, 1) if kind == "cone" else 0.0
        planes = prism_planes(rng, int(rng.integers(3, 10)), taper=-taper)
    elif kind == "rock":
        planes = rock_planes(rng, int(rng.integers(6, 16)))
    elif kind == "card":
        half[1] = 0.02
        outline = outline_field(rng, noise) if rng.random() < 0.75 else None
    elif kind == "bar":
        half[[0, 2]] *= rng.uniform(0.04, 0.15)
        half[1] *= 1.6
    return Solid(np.zeros(3), np.eye(3), half / half.max(), planes, quadric, outline)


@dataclass
class Stage:
    """A room with its camera, to which things are added."""

    rng: np.random.Generator
    room: Solid
    focal: float
    thing_size: float
    resting: float
    seated: list[tuple[Solid, np.ndarray]] = field(default_factory=list)

    def seat(self, body: Solid) -> Solid:
        """Put a body somewhere into view: resting on a face of the room, or floating."""
        rng = self.rng
        ray = np.array([*rng.uniform(-0.55, 0.55, 2) / self.focal, 1.0])
        nearness, face = meet(self.room, ray[None, :1], ray[None, 1:2])
        depth = 1 / max(float(nearness[0, 0]), 1e-3)
        size = self.thing_size * log_uniform(rng, 0.6, 1.6)
        if rng.random() < 0.4:
            size = depth / self.focal * log_uniform(rng, 0.03, 0.2)
        half = body.half * min(size, 0.45 * depth / self.focal)
        if rng.random() > self.resting:
            centre = ray * depth * rng.uniform(0.3, 0.98)
            return replace(body, centre=centre, half=half, axes=random_turn(rng))
        normal = self.room.axes[:, face[0, 0] % 3] * (1 if face[0, 0] < 3 else -1)
        axes = axes_about(rng, normal)
        if body.half[1] < 0.1 and rng.random() < 0.35:  # a card that stands up
            axes = axes[:, [0, 2, 1]] * (1, -1, 1)
        place, height = ray * depth, np.abs(axes.T @ normal) @ half
        if self.seated and rng.random() < 0.3:
            base, normal = self.seated[rng.integers(len(self.seated))]
            top = np.abs(base.axes.T @ normal) @ base.half
            place = base.centre - normal * top + 0.5 * base.half.min() * rng.normal(0, 1, 3)
            axes = axes_about(rng, normal)
            height = half[1]
        solid = replace(body, centre=place - normal * height, half=half, axes=axes)
        self.seated.append((solid, normal))
        return solid

    def foreground(self, body: Solid) -> Solid:
        """Put a large body near, cut off by the frame."""
        rng = self.rng
        side, along = rng.choice([-0.5, 0.5]), rng.uniform(-0.5, 0.5)
        place = np.array([side, along] if rng.random() < 0.5 else [along, side])
        depth = rng.uniform(0.2, 0.6) * self.thing_size * 4
        half = body.half * depth / self.focal * rng.uniform(0.15, 0.4)
        centre = np.array([*place / self.focal, 1.0]) * depth
        return replace(body, centre=centre, half=half, axes=random_turn(rng))


def axes_about(rng: np.random.Generator, normal: np.ndarray) -> np.ndarray:
    """Return axes of a body whose y axis is `normal`, turned about it by chance."""
    helper = np.eye(3)[int(np.abs(normal).argmin())]
    x = np.cross(normal, helper)
    x /= np.linalg.norm(x)
    return np.stack([x, normal, np.cross(x, normal)], 1) @ turn(1, rng.uniform(0, 2 * np.pi))


def repeat(rng: np.random.Generator, solid: Solid) -> list[Solid]:
    """Return a row of copies beside each other, as books, bottles and fences are."""
    axis = int(rng.choice([0, 2])) if solid.half[1] > solid.half.min() else 1
    step = solid.axes[:, axis] * solid.half[axis] * rng.uniform(2.0, 3.0)
    return [replace(solid, centre=solid.centre + k * step) for k in range(rng.integers(2, 9))]


def draw_layout(rng: np.random.Generator, noise: np.ndarray, *, prints: int) -> Layout:
    """Draw a scene.

    Args:
        rng: decides everything.
        noise: a periodic tile (T, T) that ragged outlines are cut from.
        prints: how many tiles with pictures there are.
    """
    camera = turn(0, rng.normal(0.15, 0.4)) @ turn(2, rng.normal(0, 0.06))
    focal = log_uniform(rng, 0.7, 3.5)
    room = draw_room(rng, camera)
    resting = float(rng.choice([0.0, 0.5, 0.85, 1.0], p=[0.15, 0.2, 0.35, 0.3]))
    stage = Stage(rng, room, focal, log_uniform(rng, 0.05, 0.35), resting)
    count = int(rng.choice([1, 5, 12, 24, 40], p=[0.05, 0.15, 0.3, 0.32, 0.18]))
    solids: list[Solid] = [room]
    for _ in range(count):
        solid = stage.seat(draw_body(rng, noise))
        solids += repeat(rng, solid) if rng.random() < 0.15 else [solid]
    if rng.random() < 0.3:
        solids += [stage.foreground(draw_body(rng, noise)) for _ in range(rng.integers(1, 3))]
    solids = [room, *(s for s in solids[1:] if is_drawable(s))]
    paints = [draw_paint(rng, s, prints=prints) for s in solids]
    up = -camera[:, 1]
    light = up + rng.normal(0, 0.6, 3) - (0, 0, 0.4)
    return Layout(solids, paints, focal, up, light / np.linalg.norm(light))
