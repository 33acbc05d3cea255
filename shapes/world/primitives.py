"""Rays against the unit solids of the world, and what their surfaces look like from inside.

A solid is the image of a unit shape under an affine map; rays are mapped into the unit frame
without normalising, so that the ray parameter stays the depth of the camera's frame.
"""

import math

import torch
from torch import Tensor

PLANE, SPHERE, BOX, CYLINDER, CONE, TORUS = range(6)
NEAREST = 1e-3
MISS = 1e9
Triple = tuple[Tensor, Tensor, Tensor]


def nearest_positive(first: Tensor, second: Tensor, valid: Tensor) -> Tensor:
    """Return the smaller of two ordered parameters that lies in front, MISS where none does."""
    t = torch.where(first > NEAREST, first, second)
    return torch.where(valid & (t > NEAREST), t, MISS)


def hit_plane(origin: Triple, ray: Triple) -> Tensor:
    """Intersect with the plane y = 0."""
    t = -origin[1] / ray[1]
    return torch.where(t > NEAREST, t, MISS)


def hit_sphere(origin: Triple, ray: Triple) -> Tensor:
    """Intersect with the unit sphere."""
    a = ray[0] * ray[0] + ray[1] * ray[1] + ray[2] * ray[2]
    half_b = origin[0] * ray[0] + origin[1] * ray[1] + origin[2] * ray[2]
    c = origin[0] ** 2 + origin[1] ** 2 + origin[2] ** 2 - 1
    square = half_b * half_b - a * c
    root = square.clamp_min(0).sqrt()
    return nearest_positive((-half_b - root) / a, (-half_b + root) / a, square > 0)


def slabs(origin: Triple, ray: Triple) -> tuple[Tensor, Tensor]:
    """Return where rays enter and leave the cube [-1, 1]^3; they miss it if that is later."""
    enter, leave = None, None
    for o, d in zip(origin, ray, strict=True):
        inverse = 1 / d
        centre, spread = -o * inverse, inverse.abs()
        near, far = centre - spread, centre + spread
        enter = near if enter is None else torch.maximum(enter, near)
        leave = far if leave is None else torch.minimum(leave, far)
    return enter, leave


def hit_box(origin: Triple, ray: Triple) -> Tensor:
    """Intersect with the cube [-1, 1]^3."""
    enter, leave = slabs(origin, ray)
    return nearest_positive(enter, leave, enter < leave)


def hit_quadric(a: Tensor, half_b: Tensor, c: Tensor, y: tuple[Tensor, Tensor]) -> Tensor:
    """Return the nearest root of a t^2 + 2 b t + c whose height y0 + t y1 is within [-1, 1]."""
    square = half_b * half_b - a * c
    root = square.clamp_min(0).sqrt()
    best = torch.full_like(square, MISS)
    for sign in (-1, 1):
        t = (sign * root - half_b) / a
        inside = (square > 0) & (t > NEAREST) & ((y[0] + t * y[1]).abs() <= 1)
        best = torch.where(inside & (t < best), t, best)
    return best


def hit_disc(origin: Triple, ray: Triple, height: float) -> Tensor:
    """Intersect with the unit disc at y = height."""
    t = (height - origin[1]) / ray[1]
    x, z = origin[0] + t * ray[0], origin[2] + t * ray[2]
    return torch.where((t > NEAREST) & (x * x + z * z <= 1), t, MISS)


def hit_cylinder(origin: Triple, ray: Triple) -> Tensor:
    """Intersect with the closed cylinder of radius 1 and heights -1 to 1."""
    a = ray[0] * ray[0] + ray[2] * ray[2]
    half_b = origin[0] * ray[0] + origin[2] * ray[2]
    c = origin[0] ** 2 + origin[2] ** 2 - 1
    side = hit_quadric(a, half_b, c, (origin[1], ray[1]))
    caps = torch.minimum(hit_disc(origin, ray, 1.0), hit_disc(origin, ray, -1.0))
    return torch.minimum(side, caps)


def hit_cone(origin: Triple, ray: Triple) -> Tensor:
    """Intersect with the closed cone of apex y = 1 and unit base at y = -1."""
    slope_o, slope_d = (1 - origin[1]) / 2, -ray[1] / 2
    a = ray[0] * ray[0] + ray[2] * ray[2] - slope_d * slope_d
    half_b = origin[0] * ray[0] + origin[2] * ray[2] - slope_o * slope_d
    c = origin[0] ** 2 + origin[2] ** 2 - slope_o**2
    side = hit_quadric(a, half_b, c, (origin[1], ray[1]))
    return torch.minimum(side, hit_disc(origin, ray, -1.0))


def torus_distance(point: Triple, minor: Tensor) -> tuple[Tensor, Tensor]:
    """Return the signed distance to a torus of major radius 1 and the radius in its plane."""
    ring = (point[0] * point[0] + point[2] * point[2]).sqrt()
    return ((ring - 1) ** 2 + point[1] * point[1]).sqrt() - minor, ring


def march_torus(origin: Triple, ray: Triple, minor: Tensor, t: Tensor, end: Tensor) -> Tensor:
    """Walk flat rays by sphere tracing from `t` to `end`, then polish with two Newton steps."""
    length = (ray[0] ** 2 + ray[1] ** 2 + ray[2] ** 2).sqrt()
    step = 1 / length
    for _ in range(26):
        point = tuple(o + t * d for o, d in zip(origin, ray, strict=True))
        distance, _ = torus_distance(point, minor)
        t = torch.minimum(t + distance * step, end)
    for _ in range(2):
        x, y, z = (o + t * d for o, d in zip(origin, ray, strict=True))
        distance, ring = torus_distance((x, y, z), minor)
        tube = (1 - 1 / ring.clamp_min(1e-6)) / (distance + minor)
        slope = tube * (x * ray[0] + z * ray[2]) + y * ray[1] / (distance + minor)
        moved = distance / torch.where(slope.abs() < 0.05 * length, -length, slope)
        t = t - torch.where(distance.abs() < 0.02, moved.clamp(-0.02, 0.02), 0)
    point = tuple(o + t * d for o, d in zip(origin, ray, strict=True))
    distance, _ = torus_distance(point, minor)
    return torch.where((distance.abs() < 2e-3) & (t < end) & (t > NEAREST), t, MISS)


def hit_torus(origin: Triple, ray: Triple, minor: Tensor) -> Tensor:
    """Intersect with the torus of major radius 1 and `minor` radius (n, 1) about the y axis."""
    outer = 1 + minor
    enter, leave = slabs(
        (origin[0] / outer, origin[1] / minor, origin[2] / outer),
        (ray[0] / outer, ray[1] / minor, ray[2] / outer),
    )
    near = (enter < leave) & (leave > NEAREST)
    where = near.flatten().nonzero()[:, 0]
    flat_o, flat_d = (
        tuple(part.expand_as(near).reshape(-1)[where] for part in triple)
        for triple in (origin, ray)
    )
    flat_minor = minor.expand_as(near).reshape(-1)[where]
    start = enter.flatten()[where].clamp_min(NEAREST)
    t = torch.full_like(enter, MISS).flatten()
    t[where] = march_torus(flat_o, flat_d, flat_minor, start, leave.flatten()[where])
    return t.view_as(enter)


def intersect(shape: int, origin: Triple, ray: Triple, minor: Tensor) -> Tensor:
    """Return the ray parameters (n, P) of the nearest hits with n solids of one shape."""
    if shape == TORUS:
        return hit_torus(origin, ray, minor)
    hits = (hit_plane, hit_sphere, hit_box, hit_cylinder, hit_cone)  # by the shapes' codes
    return hits[shape](origin, ray)


def turns(y: Tensor, x: Tensor) -> Tensor:
    """Return the angle of (x, y) in turns."""
    return torch.atan2(y, x) * (0.5 / math.pi)


def surface_box(point: Triple, size: Triple) -> tuple[Triple, tuple[Tensor, Tensor]]:
    """Return unit-frame normals and texture coordinates on the cube."""
    x, y, z = point
    on_x = (x.abs() >= y.abs()) & (x.abs() >= z.abs())
    on_y = ~on_x & (y.abs() >= z.abs())
    on_z = ~on_x & ~on_y
    normal = (x.sign() * on_x, y.sign() * on_y, z.sign() * on_z)
    u = torch.where(on_x, z * size[2], x * size[0])
    v = torch.where(on_y, z * size[2], y * size[1])
    return normal, (u, v)


def surface_round(
    shape: int, point: Triple, size: Triple, around: Tensor
) -> tuple[Triple, tuple[Tensor, Tensor]]:
    """Return normals and texture coordinates on the cylinder or the cone."""
    x, y, z = point
    cap = y.abs() > 1 - 1e-4
    lift = torch.zeros_like(y)
    if shape == CONE:
        cap = y < -1 + 1e-4
        lift = (x * x + z * z).sqrt() * 0.5
    side = ~cap
    normal = (x * side, torch.where(cap, y.sign(), lift), z * side)
    u = torch.where(cap, x * size[0], turns(x, z) * around)
    v = torch.where(cap, z * size[2], y * size[1])
    return normal, (u, v)


def surface(
    shape: int, point: Triple, size: Triple, around: tuple[Tensor, Tensor]
) -> tuple[Triple, tuple[Tensor, Tensor]]:
    """Return unit-frame normals (not normalised) and texture coordinates in tiles.

    Args:
        shape: code of the shape.
        point: hits in the unit frame, three (N,).
        size: tiles per unit along each axis, three (N,).
        around: whole numbers of tiles around the axis and around a torus' tube, two (N,).
    """
    x, y, z = point
    if shape == PLANE:
        return (torch.zeros_like(x), torch.ones_like(x), torch.zeros_like(x)), (
            x * size[0],
            z * size[2],
        )
    if shape == SPHERE:
        return point, (turns(x, z) * around[0], y.clamp(-1, 1).asin() * size[1])
    if shape == BOX:
        return surface_box(point, size)
    if shape == TORUS:
        ring = (x * x + z * z).sqrt().clamp_min(1e-6)
        out = 1 - 1 / ring
        return (x * out, y, z * out), (turns(x, z) * around[0], turns(y, ring - 1) * around[1])
    return surface_round(shape, point, size, around[0])
