"""Shade what the rays meet: texture, light, soft shadow, fog; antialias where surfaces meet."""

import torch
from torch import Tensor

from shapes.world.materials import TILE_PX, load_atlas, sample_tiles
from shapes.world.primitives import Triple, surface
from shapes.world.trace import World, to_unit, trace, trace_frame

SUBSAMPLES = ((-0.125, -0.375), (0.375, -0.125), (0.125, 0.375), (-0.375, 0.125))
SHARPNESS = -0.6
FOLD_COSINE = 0.8


def unit(vector: Triple) -> Triple:
    """Scale a vector to length one."""
    x, y, z = vector
    scale = (x * x + y * y + z * z).rsqrt()
    return x * scale, y * scale, z * scale


def surfaces(world: World, row: Tensor, point: Triple) -> tuple[Triple, tuple[Tensor, Tensor]]:
    """Return the camera-frame unit normals and the texture coordinates of N flat hits."""
    parts = [torch.empty_like(point[0]) for _ in range(5)]
    kind = world.shape.index_select(0, row)
    for shape in sorted({group.shape for group in world.groups}):
        where = (kind == shape).nonzero()[:, 0]
        rows = row.index_select(0, where)
        frame = [part.index_select(0, rows) for part in world.frame[:12]]
        texture = [part.index_select(0, rows) for part in world.uv]
        local = to_unit(frame, tuple(p.index_select(0, where) for p in point), is_point=True)
        inner, uv = surface(shape, local, tuple(texture[:3]), tuple(texture[3:5]))
        normal = [sum(inner[k] * frame[3 * k + axis] for k in range(3)) for axis in range(3)]
        found = (*unit(tuple(normal)), uv[0] + texture[5], uv[1] + texture[6])
        for part, value in zip(parts, found, strict=True):
            part.index_copy_(0, where, value)
    return tuple(parts[:3]), tuple(parts[3:])


def floor_light(
    shadow: Tensor, box: list[Tensor], scene: Tensor, place: tuple[Tensor, Tensor]
) -> Tensor:
    """Read the light (N,) that reaches flat places (x, z) of the floor from the shadow map."""
    grid = shadow.shape[-1]
    u = ((place[0] - box[0]) / box[2] * grid - 0.5).clamp(0, grid - 1.001)
    v = ((place[1] - box[1]) / box[3] * grid - 0.5).clamp(0, grid - 1.001)
    column, row = u.floor(), v.floor()
    start = (scene * grid + row.to(torch.int32)) * grid + column.to(torch.int32)
    values = shadow.flatten()
    a, b, c, d = (values.index_select(0, start + k) for k in (0, 1, grid, grid + 1))
    return torch.lerp(torch.lerp(a, b, u - column), torch.lerp(c, d, u - column), v - row)


def sunlight(
    world: World, shadow: Tensor, scene: Tensor, row: Tensor, point: Triple, normal: Triple
) -> Tensor:
    """Return the direct light (N,) on flat hits: the cosine, in the shadow on the floor less."""
    air = per_scene(world, scene)
    sun = (normal[0] * air[3] + normal[1] * air[4] + normal[2] * air[5]).clamp_min(0)
    floor = (row == world.floor_rows.index_select(0, scene)).nonzero()[:, 0]
    scene = scene.index_select(0, floor)
    x, y, z = (part.index_select(0, floor) for part in point)
    air = per_scene(world, scene)
    box = [part.index_select(0, scene) for part in world.shadow_box]
    light = floor_light(shadow, box, scene, (x, y * air[14] - z * air[13]))
    return sun.index_copy(0, floor, sun.index_select(0, floor) * light)


def per_scene(world: World, scene: Tensor) -> list[Tensor]:
    """Return the columns of `world.air` for flat hits; they broadcast where there is one scene."""
    if world.batch == 1:
        return list(world.air)
    return [part.index_select(0, scene) for part in world.air]


def veil_share(air: list[Tensor], emissive: Tensor, point: Triple) -> Tensor:
    """Return how much of the haze colour lies over flat hits: fog, and haze low in the sky."""
    height = point[1] * air[13] + point[2] * air[14] + air[2]
    sky = torch.exp(-height.clamp_min(0) / air[12]) * 0.8
    fog = 1 - torch.exp(-(point[2] - air[11]).clamp_min(0) / air[10])
    return torch.lerp(fog, sky, emissive)


def shade(
    world: World, shadow: Tensor, scene: Tensor, row: Tensor, point: Triple, *, size_px: int
) -> tuple[Triple, Triple]:
    """Colour N flat hits.

    Args:
        world: packed scenes.
        shadow: (B, 1, G, G) light on the floor.
        scene: (N,) int32 index of the scene of each hit.
        row: (N,) int32 row of the surface.
        point: hits in the left camera's frame, three (N,).
        size_px: width of the image, which decides how fine a texture may be.

    Returns:
        Colours in [0, 1], three (N,), and camera-frame normals, three (N,).
    """
    normal, uv = surfaces(world, row, point)
    x, y, z = point
    air = per_scene(world, scene)
    paint = [part.index_select(0, row) for part in world.colour]
    # the cosine at the left eye for both eyes, so that both see the same texture
    facing = (normal[0] * x + normal[1] * y + normal[2] * z) * (x * x + y * y + z * z).rsqrt()
    lod = torch.log2(paint[12] * z * (TILE_PX / size_px) / air[0])
    lod = lod - 0.6 * torch.log2(facing.abs().clamp_min(0.03)) + SHARPNESS
    tile = world.tile.index_select(0, row)
    texel = sample_tiles(load_atlas(str(row.device)), tile, uv, lod)
    sun = sunlight(world, shadow, scene, row, point, normal)
    upward = normal[1] * air[13] + normal[2] * air[14]
    strength = air[6] * (0.85 + 0.15 * upward) + (1.12 - air[6]) * sun
    emissive = paint[13]
    strength = torch.lerp(strength, torch.ones_like(strength), emissive)
    veil = veil_share(air, emissive, point)
    colours = []
    for k in range(3):
        albedo = paint[k] + sum(texel[j] * paint[3 + 3 * j + k] for j in range(3))
        lit = albedo * strength
        colours.append((lit + (air[7 + k] - lit) * veil).clamp(0, 1))
    return tuple(colours), normal


def crease_pixels(row: Tensor, normal: Triple, size_px: int) -> Tensor:
    """Return a (B, P) mask of pixels beside another surface or a fold."""
    rows = row.view(-1, size_px, size_px)
    x, y, z = (part.view(-1, size_px, size_px) for part in normal)
    mask = torch.zeros_like(rows, dtype=torch.bool)
    for axis in (1, 2):
        a, b = (slice(None, -1), slice(1, None))
        one, two = ((slice(None),) * axis + (part,) for part in (a, b))
        cosine = x[one] * x[two] + y[one] * y[two] + z[one] * z[two]
        edge = (rows[one] != rows[two]) | (cosine < FOLD_COSINE)
        mask[one] |= edge
        mask[two] |= edge
    return mask.flatten(1)


def listed(mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """List the true entries of a (B, P) mask.

    Returns:
        Scenes (M,) and positions (M,) of the entries, and a (B, E) table of positions, padded.
    """
    scene, position = mask.nonzero(as_tuple=True)
    count = mask.sum(1)
    longest = max(int(count.max()), 1)
    place = torch.arange(scene.numel(), device=mask.device) - (count.cumsum(0) - count)[scene]
    table = torch.zeros((mask.shape[0], longest), dtype=torch.long, device=mask.device)
    table[scene, place] = position
    return scene, place, table


def smooth_edges(
    world: World, shadow: Tensor, colour: Triple, mask: Tensor, offset: Tensor
) -> None:
    """Replace the masked pixels of `colour`, three (B * P,), by the mean of four rays, in place."""
    pixels = mask.shape[1]
    size_px = round(pixels**0.5)
    scene, place, table = listed(mask)
    steps = torch.tensor(SUBSAMPLES, device=mask.device)[:, :, None, None]
    x = ((table % size_px + steps[:, 0] + 0.5) / size_px - 0.5).transpose(0, 1).flatten(1)
    y = ((table // size_px + steps[:, 1] + 0.5) / size_px - 0.5).transpose(0, 1).flatten(1)
    focal, zero = world.air[0, :, None], torch.zeros_like(offset)
    ray = (x / focal, y / focal, torch.ones_like(x))  # (B, 4 E)
    depth, row = trace(world, (offset, zero, zero), ray)
    point = (ray[0] * depth + offset, ray[1] * depth, depth)
    longest = table.shape[1]
    first = scene * (4 * longest) + place
    where = (first + torch.arange(4, device=mask.device)[:, None] * longest).flatten()
    flat = tuple(part.flatten().index_select(0, where) for part in (row, *point))
    owner = scene.to(torch.int32).repeat(4)
    shades, _ = shade(world, shadow, owner, flat[0], flat[1:], size_px=size_px)
    target = scene * pixels + table[scene, place]
    for plane, value in zip(colour, shades, strict=True):
        plane.index_copy_(0, target, value.view(4, -1).mean(0))


def view(
    world: World, shadow: Tensor, *, size_px: int, right: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """Render one eye.

    Returns:
        Image (B, 3, H, W) in [0, 1], depth (B, H, W), rows of the surfaces (B, H, W).
    """
    batch, device = world.batch, world.air.device
    focal, offset = world.air[0, :, None], world.air[1, :, None] * float(right)
    depth, row = trace_frame(world, size_px=size_px, right=right)
    axis = (torch.arange(size_px, device=device) + 0.5) / size_px - 0.5
    shape = (batch, size_px, size_px)
    slope = axis / focal
    grid = depth.view(shape)
    x, y = grid * slope[:, None, :] + offset[:, :, None], grid * slope[:, :, None]
    point = (x.flatten(), y.flatten(), depth.flatten())
    scene = torch.arange(batch, dtype=torch.int32, device=device).repeat_interleave(size_px**2)
    colour, normal = shade(world, shadow, scene, row.flatten(), point, size_px=size_px)
    smooth_edges(world, shadow, colour, crease_pixels(row, normal, size_px), offset)
    image = torch.stack([plane.view(shape) for plane in colour], 1)
    return image, grid, row.view(shape)
