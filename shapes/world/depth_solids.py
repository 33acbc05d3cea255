"""Convex solids cut by planes and at most one quadric, cards with outlines, rooms; and their rays.

All is in the camera's frame: x right, y down, z forward; a ray is (x, y, 1), and `nearness` is
1 / depth. A plane normal . P = offset is met at nearness normal . ray / offset, which is affine in
x and y: no surface here costs more than a few operations a pixel.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

FARTHEST = 1e-3
Field = Callable[[np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Solid:
    """The points whose local place L = to_local @ P - shift lies inside planes and quadric.

    Attributes:
        centre: (3,).
        axes: columns are the local axes, of length 1.
        half: (3,) half sizes along them.
        planes: (F, 4), normal and offset: normal . L <= offset.
        quadric: (3,) diagonal; sum(quadric * L**2) <= 1, None without.
        outline: keeps the places (L_x, L_z) where it is positive, None without.
        is_room: seen from inside.
    """

    centre: np.ndarray
    axes: np.ndarray
    half: np.ndarray
    planes: np.ndarray
    quadric: np.ndarray | None = None
    outline: Field | None = None
    is_room: bool = False

    @property
    def to_local(self) -> np.ndarray:
        """Return the matrix from the camera's frame to local places."""
        return self.axes.T / self.half[:, None]

    def camera_planes(self) -> tuple[np.ndarray, np.ndarray]:
        """Return normals (F, 3) and offsets (F,) in the camera's frame."""
        normals = self.planes[:, :3] @ self.to_local
        return normals, self.planes[:, 3] + normals @ self.centre


def box_planes() -> np.ndarray:
    """Return the six planes of the cube of half size 1."""
    sides = np.concatenate([np.eye(3), -np.eye(3)])
    return np.concatenate([sides, np.ones((6, 1))], 1)


def prism_planes(rng: np.random.Generator, sides: int, *, taper: float) -> np.ndarray:
    """Return the planes of a prism about y; with taper 1 it ends in a point above."""
    turn = rng.uniform(0, 2 * np.pi) + 2 * np.pi * np.arange(sides) / sides
    walls = [np.cos(turn), np.full(sides, taper / 2), np.sin(turn), np.full(sides, 1 - taper / 2)]
    return np.concatenate([np.stack(walls, 1), box_planes()[[1, 4]]])


def rock_planes(rng: np.random.Generator, count: int) -> np.ndarray:
    """Return random planes around the origin, inside the cube."""
    normals = rng.standard_normal((count, 3))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    cuts = np.concatenate([normals, rng.uniform(0.5, 0.95, (count, 1))], 1)
    return np.concatenate([cuts, box_planes()])


def outline_field(rng: np.random.Generator, noise: np.ndarray) -> Field:
    """Return an outline: a blob, leaves, a ring, a star, a lattice or branches."""
    kind = rng.choice(["blob", "leaves", "ring", "star", "lattice", "branches"])
    shift, spread = rng.integers(0, len(noise), 2), rng.uniform(15, 60)
    points, depth, turn = int(rng.integers(3, 9)), rng.uniform(0.2, 0.6), rng.uniform(0, 6.28)
    bars, width = rng.uniform(1.5, 4), rng.uniform(0.15, 0.45)

    def rough(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        rows, columns = (
            (v * spread + s).astype(int) % len(noise) for v, s in zip((y, x), shift, strict=True)
        )
        return noise[rows, columns]

    def value(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        radius = np.hypot(x, y)
        if kind == "ring":
            return np.minimum(1 - radius, radius - 1 + width)
        if kind == "star":
            return 1 - depth + depth * np.cos(points * np.arctan2(y, x) + turn) - radius
        if kind == "lattice":
            return np.maximum(width - (x * bars) % 1, width - (y * bars) % 1)
        if kind == "branches":
            return 0.25 * width - np.abs(rough(x, y)) * 0.5
        return 1 - radius + rough(x, y) * (0.3 if kind == "blob" else 0.8)

    return value


def meet(solid: Solid, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return nearness (h, w), 0 where the solid is missed, and the number of the plane met.

    The quadric has the number F, behind all planes.

    Args:
        solid: what is looked at.
        x: columns of the rays, (1, w).
        y: rows of the rays, (h, 1).
    """
    normals, offsets = solid.camera_planes()
    shape = (y.shape[0], x.shape[1])
    enter, leave = np.full(shape, np.inf, np.float32), np.zeros(shape, np.float32)
    face = np.zeros(shape, np.int32)
    for k, (normal, offset) in enumerate(zip(normals, offsets, strict=True)):
        a, b, c = (normal / offset).astype(np.float32)
        met = (a * x + c) + b * y
        if offset > 0:
            if solid.is_room:
                face[met > leave] = k
            np.maximum(leave, met, out=leave)
        else:
            face[met < enter] = k
            np.minimum(enter, met, out=enter)
    if solid.is_room:
        return leave, face
    hit = np.ones(shape, bool)
    if solid.quadric is not None:
        near, far, hit = meet_quadric(solid, x, y)
        face[near < enter] = len(normals)
        enter, leave = np.minimum(enter, near), np.maximum(leave, far)
    hit &= (enter >= leave) & (enter < np.inf) & (enter > 0)
    if solid.outline is not None:
        local = local_places(solid, x, y, np.where(hit, enter, 1))
        hit &= solid.outline(local[0], local[2]) > 0
    return np.where(hit, enter, 0), face


def meet_quadric(
    solid: Solid, x: np.ndarray, y: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the nearness at which rays enter and leave the quadric, and where they meet it."""
    ray, start = local_rays(solid, x, y), solid.to_local @ solid.centre
    q = solid.quadric.astype(np.float32)
    across = sum(q[k] * ray[k] ** 2 for k in range(3))
    along = sum(np.float32(q[k] * start[k]) * ray[k] for k in range(3))
    outside = np.float32(sum(q * start**2) - 1)
    discriminant = along**2 - outside * across
    root = np.sqrt(np.maximum(discriminant, 0))
    return (along + root) / outside, (along - root) / outside, discriminant > 0


def local_rays(solid: Solid, x: np.ndarray, y: np.ndarray) -> list[np.ndarray]:
    """Return the three local components of the rays."""
    return [a * x + (b * y + c) for a, b, c in solid.to_local.astype(np.float32)]


def local_places(
    solid: Solid, x: np.ndarray, y: np.ndarray, nearness: np.ndarray
) -> list[np.ndarray]:
    """Return the three local coordinates of what is met."""
    start = (solid.to_local @ solid.centre).astype(np.float32)
    rays = local_rays(solid, x, y)
    return [ray / nearness - shift for ray, shift in zip(rays, start, strict=True)]


def is_drawable(solid: Solid) -> bool:
    """Tell whether the camera is well outside the solid and its quadric, and before it."""
    start = solid.to_local @ solid.centre
    if np.linalg.norm(start) < 1.9 or solid.centre[2] < 0.05:
        return False
    return solid.quadric is None or float(sum(solid.quadric * start**2)) > 1.1


def window(solid: Solid, *, focal: float, size_px: int) -> tuple[slice, slice] | None:
    """Return the rows and columns that may show the solid, None if there are none."""
    reach = float(np.linalg.norm(solid.half))
    near = solid.centre[2] - reach
    if near < 0.05 or solid.is_room:
        return slice(0, size_px), slice(0, size_px)
    parts = []
    for axis in (1, 0):
        ends = [(solid.centre[axis] + side * reach) for side in (-1, 1)]
        low = min(ends[0] / near, ends[0] / (near + 2 * reach))
        high = max(ends[1] / near, ends[1] / (near + 2 * reach))
        places = [
            int(np.clip((v * focal + 0.5) * size_px + k, 0, size_px))
            for v, k in ((low, -1), (high, 2))
        ]
        parts.append(slice(*places))
    return tuple(parts) if all(p.stop > p.start for p in parts) else None
