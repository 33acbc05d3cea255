"""From scenes to tensors, and from rays to the surface that each of them meets first."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product

import numpy as np
import torch
from torch import Tensor

from shapes.world.primitives import MISS, PLANE, TORUS, Triple, intersect
from shapes.world.scene import Rig, Scene, Solid


@dataclass(frozen=True)
class Group:
    """Solids of one shape, at most one of each scene, to be traced together.

    scenes, rows (n,) int32: scene and surface of each; windows (2, n, 4) float64: the part of
    the frame that may show it to either eye: left, top, right, bottom in widths from the centre.
    """

    shape: int
    scenes: Tensor
    rows: Tensor
    windows: np.ndarray


@dataclass(frozen=True)
class World:
    """Scenes of a batch as tensors; a surface is a column of `frame`, `uv`, `colour`, `tile`.

    frame (13, N): map from the left camera to the unit frame (9), its shift (3), torus minor.
    uv (7, N): tiles per unit (3), whole tiles around (2), offset (2).
    colour (14, N): base (3), mix (9), tiles per world unit, emissive.
    air (15, B): focal length in widths, baseline, height; light in the camera's frame (3),
    ambient; haze colour (3), fog length, clear depth, height of the sky's haze, up (y, z).
    """

    frame: Tensor
    uv: Tensor
    colour: Tensor
    tile: Tensor
    shape: Tensor
    air: Tensor
    groups: list[Group]
    floor_rows: Tensor
    first_row: list[int]
    shadow_box: Tensor

    @property
    def batch(self) -> int:
        """Number of scenes."""
        return self.air.shape[1]


def camera_axes(rig: Rig) -> np.ndarray:
    """Return the matrix whose columns are right, down and forward of the camera in the world."""
    sin, cos = np.sin(rig.pitch), np.cos(rig.pitch)
    return np.array(((1.0, 0.0, 0.0), (0.0, -cos, -sin), (0.0, -sin, cos)))


def solid_rows(solid: Solid, rig: Rig) -> tuple[list[float], list[float], list[float]]:
    """Return one row each of `frame`, `uv` and `colour`."""
    unit = solid.rotation.T / solid.half_size[:, None]
    shift = unit @ (np.array((0.0, rig.height, 0.0)) - solid.centre)
    material = solid.material
    density = material.tiles_per_unit
    size = solid.half_size * density
    around = max(1, round(2 * np.pi * size[0]))
    around_tube = max(1, round(2 * np.pi * size[0] * solid.minor))
    frame = [*(unit @ camera_axes(rig)).ravel(), *shift, solid.minor]
    uv = [*size, around, around_tube, *material.offset]
    colour = [*material.base, *material.mix.ravel(), density, float(solid.is_emissive)]
    return frame, uv, colour


def scene_rows(scene: Scene) -> list[float]:
    """Return one column of `air`."""
    axes = camera_axes(scene.rig)
    back = scene.solids[-1]
    haze_height = 0.16 * float(back.centre[2]) / scene.rig.focal
    rig = [scene.rig.focal, scene.rig.baseline, scene.rig.height]
    up = axes.T @ np.array((0.0, 1.0, 0.0))
    fog = [*scene.haze, scene.fog_length, scene.clear_depth, haze_height, up[1], up[2]]
    return [*rig, *(scene.light @ axes), scene.ambient, *fog]


def solid_windows(solid: Solid, rig: Rig) -> np.ndarray:
    """Return (2, 4) left, top, right, bottom in widths of what either eye may see of a solid."""
    full = np.array((-0.5, -0.5, 0.5, 0.5))
    if solid.shape == PLANE:
        return np.stack([full, full])
    reach = np.array((1 + solid.minor, solid.minor, 1 + solid.minor))
    reach = (reach if solid.shape == TORUS else np.ones(3)) * solid.half_size
    corners = np.array(list(product((-1, 1), repeat=3))) * reach @ solid.rotation.T
    seen = (corners + solid.centre - (0.0, rig.height, 0.0)) @ camera_axes(rig)
    if seen[:, 2].min() < 0.05:
        return np.stack([full, full])
    windows = []
    for offset in (0.0, rig.baseline):
        place = rig.focal * (seen[:, :2] - (offset, 0.0)) / seen[:, 2:]
        windows.append(np.concatenate([place.min(0), place.max(0)]))
    return np.stack(windows)


def group_solids(scenes: list[Scene], device: str) -> list[Group]:
    """Group surfaces so that a group holds one shape and a scene at most once."""
    buckets: dict[tuple[int, int], list[tuple[int, int, np.ndarray]]] = {}
    row = 0
    for index, scene in enumerate(scenes):
        count: dict[int, int] = {}
        for solid in scene.solids:
            rank = count.get(solid.shape, 0)
            count[solid.shape] = rank + 1
            member = (index, row, solid_windows(solid, scene.rig))
            buckets.setdefault((solid.shape, rank), []).append(member)
            row += 1
    return [
        Group(
            shape,
            torch.tensor([scene for scene, _, _ in members], dtype=torch.int32, device=device),
            torch.tensor([row for _, row, _ in members], dtype=torch.int32, device=device),
            np.stack([window for _, _, window in members], 1),
        )
        for (shape, _), members in buckets.items()
    ]


def shadow_bounds(scene: Scene) -> list[float]:
    """Return the rectangle of the floor (x0, z0, width, depth) that shadows may reach."""
    standing = scene.solids[:-2]
    reach = np.array([float(s.half_size.max()) * 1.5 for s in standing])
    tops = np.array([2 * s.centre[1] for s in standing])
    run = np.minimum(tops / scene.light[1], 3.0)[:, None] * -scene.light[[0, 2]]
    feet = np.array([s.centre[[0, 2]] for s in standing])
    spots = np.concatenate([feet - reach[:, None], feet + reach[:, None]])
    spots = np.concatenate([spots, spots + np.concatenate([run, run])])
    low, high = spots.min(0) - 0.3, spots.max(0) + 0.3
    return [*low, *(high - low)]


def pack(scenes: list[Scene], device: str) -> World:
    """Turn scenes into the tensors that rendering needs."""
    solids = [(solid, scene.rig) for scene in scenes for solid in scene.solids]
    last = np.cumsum([len(scene.solids) for scene in scenes]).tolist()

    def columns(rows: Iterable[list[float]]) -> Tensor:
        return torch.tensor(np.asarray(list(rows)).T.copy(), dtype=torch.float32, device=device)

    frame, uv, colour = (
        columns(rows) for rows in zip(*(solid_rows(*s) for s in solids), strict=True)
    )
    tiles = [solid.material.tile for solid, _ in solids]
    return World(
        frame,
        uv,
        colour,
        torch.tensor(tiles, dtype=torch.int32, device=device),
        torch.tensor([solid.shape for solid, _ in solids], dtype=torch.int32, device=device),
        columns(scene_rows(scene) for scene in scenes),
        group_solids(scenes, device),
        torch.tensor(last, dtype=torch.int32, device=device) - 2,
        [0, *last],
        columns(shadow_bounds(scene) for scene in scenes),
    )


def to_unit(frame: Tensor, point: Triple, *, is_point: bool) -> Triple:
    """Map camera vectors into unit frames; `frame` holds 12 coefficients that broadcast."""
    x, y, z = point
    result = []
    for axis in range(3):
        a, b, c = frame[3 * axis : 3 * axis + 3]
        value = a * x + b * y + c * z
        result.append(value + frame[9 + axis] if is_point else value)
    return tuple(result)


def select(part: Tensor, scenes: Tensor) -> Tensor:
    """Return the rows of `scenes` of a (B, P) tensor, or all of one that is shared, (1, P)."""
    return part if part.shape[0] == 1 else part.index_select(0, scenes)


def group_hits(world: World, group: Group, origin: Triple, ray: Triple) -> Tensor:
    """Return the ray parameters (n, P) at which the solids of a group are hit."""
    frame = world.frame.index_select(1, group.rows)[:, :, None]
    local_o = to_unit(frame, tuple(select(p, group.scenes) for p in origin), is_point=True)
    local_d = to_unit(frame, tuple(select(p, group.scenes) for p in ray), is_point=False)
    return intersect(group.shape, local_o, local_d, frame[12])


def trace(world: World, origin: Triple, ray: Triple) -> tuple[Tensor, Tensor]:
    """Find the first surface on each ray.

    Args:
        world: packed scenes.
        origin: of the rays, in the left camera's frame, three (B, 1).
        ray: directions with depth 1, three (B, P).

    Returns:
        Depth (B, P) and row of the surface (B, P) int32.
    """
    depth = torch.full_like(ray[0], MISS)
    row = torch.zeros_like(depth, dtype=torch.int32)
    for group in world.groups:
        t = group_hits(world, group, origin, ray)
        best = depth.index_select(0, group.scenes)
        rows = row.index_select(0, group.scenes)
        row[group.scenes] = torch.where(t < best, group.rows[:, None], rows)
        depth[group.scenes] = torch.minimum(t, best)
    return depth, row


def window_places(group: Group, *, size_px: int, eye: int) -> tuple[np.ndarray, int, int] | None:
    """Return corners (n, 2) and common height and width, in pixels, of the windows of a group."""
    window = (group.windows[eye] + 0.5) * size_px
    low = np.clip(np.floor(window[:, :2]).astype(int) - 1, 0, size_px)
    high = np.clip(np.ceil(window[:, 2:]).astype(int) + 1, 0, size_px)
    width, height = (high - low).max(0).tolist()
    if width <= 0 or height <= 0:
        return None
    return np.minimum(low, (size_px - width, size_px - height)), height, width


def trace_frame(world: World, *, size_px: int, right: bool) -> tuple[Tensor, Tensor]:
    """Find the first surface at each pixel centre of one eye: depth and row, both (B, P)."""
    device = world.air.device
    depth = torch.full((world.batch * size_px**2,), MISS, device=device)
    row = torch.zeros_like(depth, dtype=torch.int32)
    for group in world.groups:
        place = window_places(group, size_px=size_px, eye=int(right))
        if place is None:
            continue
        corner, height, width = place
        corner = torch.tensor(corner, dtype=torch.int32, device=device)
        columns = corner[:, 0, None] + torch.arange(width, dtype=torch.int32, device=device)
        lines = corner[:, 1, None] + torch.arange(height, dtype=torch.int32, device=device)
        t = window_hits(world, group, columns, lines, size_px=size_px, right=right).flatten()
        start = group.scenes[:, None] * size_px**2 + lines * size_px
        index = (start[:, :, None] + columns[:, None, :]).flatten()  # (n h w)
        best, rows = depth.index_select(0, index), row.index_select(0, index)
        own = group.rows[:, None].expand(-1, height * width).reshape(-1)
        row.index_copy_(0, index.long(), torch.where(t < best, own, rows))
        depth.index_copy_(0, index.long(), torch.minimum(t, best))
    return depth.view(world.batch, -1), row.view(world.batch, -1)


def window_hits(
    world: World, group: Group, columns: Tensor, lines: Tensor, *, size_px: int, right: bool
) -> Tensor:
    """Return the ray parameters (n, h * w) through the pixels of each solid's own window."""
    frame = world.frame.index_select(1, group.rows)[:, :, None]
    air = world.air.index_select(1, group.scenes)[:, :, None]
    x = ((columns + 0.5) / size_px - 0.5) / air[0]  # (n, w)
    y = ((lines + 0.5) / size_px - 0.5) / air[0]  # (n, h)
    ray = []
    for axis in range(3):
        a, b, c = frame[3 * axis : 3 * axis + 3]
        ray.append(((b * y + c)[:, :, None] + (a * x)[:, None, :]).flatten(1))
    offset = air[1] * float(right)
    zero = torch.zeros_like(offset)
    origin = to_unit(frame, (offset, zero, zero), is_point=True)
    return intersect(group.shape, origin, tuple(ray), frame[12])


def shadow_map(world: World, grid: int = 96) -> Tensor:
    """Return (B, 1, grid, grid) light reaching the floor over `world.shadow_box`, softened."""
    batch, device = world.batch, world.air.device
    axis = (torch.arange(grid, device=device) + 0.5) / grid
    box = world.shadow_box[:, :, None]
    x = (box[0] + box[2] * axis)[:, None, :].expand(-1, grid, -1).reshape(batch, -1)
    z = (box[1] + box[3] * axis)[:, :, None].expand(-1, -1, grid).reshape(batch, -1)
    air = world.air[:, :, None]
    up_y, up_z, drop = air[13], air[14], -air[2]
    # from the world to the camera: the rows of `camera_axes` transposed, told by the up vector
    origin = (x, up_y * drop + up_z * z, up_z * drop - up_y * z)
    ray = (air[3], air[4], air[5])
    lit = torch.ones_like(x)
    for group in world.groups:
        if group.shape != PLANE:
            blocked = group_hits(world, group, origin, ray) < MISS
            lit[group.scenes] = lit.index_select(0, group.scenes) * ~blocked
    image = lit.view(batch, 1, grid, grid)
    for _ in range(2):
        image = torch.nn.functional.avg_pool2d(
            torch.nn.functional.pad(image, (1, 1, 1, 1), mode="replicate"), 3, stride=1
        )
    return image
