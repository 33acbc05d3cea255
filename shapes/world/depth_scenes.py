"""Scenes that teach depth, as photographs: lit, in shadow, hazy, out of focus, noisy, as JPEG."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
import torch
from torch import Tensor

from shapes.world.depth_layouts import Layout, draw_layout, log_uniform
from shapes.world.depth_solids import FARTHEST, Solid, meet, window
from shapes.world.depth_tiles import Atlas, pack_tiles, picture_tile, plain_tiles
from shapes.world.materials import TILE_PX, sample_tiles
from shapes.world.seeds import check_request

OUTLINE_TILE = 2  # the noise that ragged outlines are cut from
PRINTS = 12
PRINT_FIRST_SEED = 4_000_000_000
SHADOW_STEPS = 8
NEAREST_PX = 20.0


@dataclass(frozen=True)
class DepthViews:
    """Pictures `left` (B, 3, S, S) in [0, 1], `disparity_left_px` (B, S, S) up to `NEAREST_PX`."""

    left: Tensor
    disparity_left_px: Tensor
    captions: list[str]


@dataclass(frozen=True)
class Hits:
    """What each pixel shows: nearness (S, S), number of the surface (S, S) among all planes."""

    nearness: np.ndarray
    surface: np.ndarray
    x: np.ndarray
    y: np.ndarray


@torch.no_grad()
def render_depth_views(
    seeds: Sequence[int], *, size_px: int = 256, device: str = "cpu"
) -> DepthViews:
    """Render the scenes of `seeds`, on the CPU.

    Raises:
        ValueError: for a seed outside 0 to 2**32 - 1 or a size outside 16 to 4096.
    """
    check_request(seeds, size_px)
    views = [render(seed, size_px, pictures_atlas(), prints=PRINTS) for seed in seeds]
    images = torch.from_numpy(np.stack([image for image, _ in views])).permute(0, 3, 1, 2)
    maps = torch.from_numpy(np.stack([nearness for _, nearness in views]))
    return DepthViews(images.to(device), maps.to(device), [""] * len(views))


@lru_cache(maxsize=1)
def pictures_atlas() -> Atlas:
    """Return all tiles, the last ones pictures of this world itself, to hang up as posters."""
    atlas = pack_tiles(plain_tiles())
    seeds = range(PRINT_FIRST_SEED, PRINT_FIRST_SEED + PRINTS)
    pictures = [picture_tile(render(seed, TILE_PX, atlas, prints=0)[0]) for seed in seeds]
    return pack_tiles([*plain_tiles(), *pictures])


def render(seed: int, size_px: int, atlas: Atlas, *, prints: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a picture (S, S, 3) in [0, 1] and its disparity (S, S) in pixels, float32."""
    rng = generator(seed)
    layout = draw_layout(rng, plain_tiles()[OUTLINE_TILE][0], prints=prints)
    hits = trace_layout(layout, size_px)
    image = soften_edges(shade(rng, layout, hits, atlas), hits)
    image = photograph(rng, image, hits.nearness)
    scale = NEAREST_PX / hits.nearness.max()
    return image.astype(np.float32), (hits.nearness * scale).astype(np.float32)


def generator(seed: int) -> np.random.Generator:
    """Return the stream that decides a scene."""
    return np.random.Generator(np.random.PCG64(seed))


def trace_layout(layout: Layout, size_px: int) -> Hits:
    """Find the nearest surface of every pixel."""
    axis = ((np.arange(size_px, dtype=np.float32) + 0.5) / size_px - 0.5) / layout.focal
    x, y = axis[None, :], axis[:, None]
    nearness = np.full((size_px, size_px), FARTHEST, np.float32)
    surface = np.zeros((size_px, size_px), np.int32)
    first = 0
    for solid in layout.solids:
        part = window(solid, focal=layout.focal, size_px=size_px)
        if part is not None:
            near, face = meet(solid, x[:, part[1]], y[part[0]])
            seen = near > nearness[part]
            np.copyto(nearness[part], near, where=seen)
            np.copyto(surface[part], face + first, where=seen)
        first += len(solid.planes) + 1
    return Hits(nearness, surface, x, y)


def surface_table(layout: Layout) -> np.ndarray:
    """Return a row per surface: normal (3), u and v as (3) . place + (1), solid's number.

    The row of a quadric, behind those of its solid's planes, is zero but for the number.
    """
    blocks = []
    for number, (solid, paint) in enumerate(zip(layout.solids, layout.paints, strict=True)):
        normals, _ = solid.camera_planes()
        normals = normals / np.sqrt((normals**2).sum(1, keepdims=True))
        steep = np.abs(normals @ solid.axes[:, 1:2]) < 0.9
        helper = np.where(steep, solid.axes[:, 1], solid.axes[:, 0])
        across = cross(helper, normals)
        across = across / np.sqrt((across**2).sum(1, keepdims=True))
        places = np.stack([across, cross(normals, across)], 1) * paint.density  # (F, 2, 3)
        shift = 0.37 * number - places @ solid.centre
        if paint.is_print:
            places = np.broadcast_to(solid.to_local[[0, 2]] / 2, places.shape)
            shift = 0.5 - places @ solid.centre
        lines = np.concatenate([places, shift[..., None]], 2).reshape(-1, 8)
        block = np.zeros((len(normals) + 1, 12), np.float32)
        block[:-1, :3], block[:-1, 3:11] = normals * (-1 if solid.is_room else 1), lines
        block[:, 11] = number
        blocks.append(block)
    return np.concatenate(blocks)


def cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the cross products of (N, 3), faster than np.cross on a few."""
    return a[:, [1, 2, 0]] * b[:, [2, 0, 1]] - a[:, [2, 0, 1]] * b[:, [1, 2, 0]]


def bend(solid: Solid, density: float, local: list[np.ndarray]) -> np.ndarray:
    """Return normals (3) and texture coordinates (2) of local places on a quadric, (5, N)."""
    inner = solid.quadric[:, None] * np.stack(local)
    normal = solid.to_local.T @ inner
    normal /= np.linalg.norm(normal, axis=0)
    around = np.arctan2(local[0], local[2]) * float(solid.half[[0, 2]].mean())
    return np.concatenate([normal, np.stack([around, local[1] * solid.half[1]]) * density])


def geometry(layout: Layout, hits: Hits) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return normals and texture coordinates (5, N), places (3, N), numbers of solids (N,)."""
    table = surface_table(layout)
    rows = np.take(table, hits.surface.ravel(), axis=0).T
    depth = 1 / hits.nearness
    place = np.stack([hits.x * depth, hits.y * depth, depth]).reshape(3, -1)
    u, v = ((rows[k : k + 3] * place).sum(0) + rows[k + 3] for k in (3, 7))
    parts = np.stack([*rows[:3], u, v])
    number = rows[11].astype(np.int32)
    curved = ~rows[:11].any(0)
    for index in np.unique(number[curved]):
        where = np.flatnonzero(curved & (number == index))
        solid = layout.solids[index]
        shift = (solid.to_local @ solid.centre)[:, None]
        local = list(solid.to_local.astype(np.float32) @ place[:, where] - shift)
        parts[:, where] = bend(solid, layout.paints[index].density, local)
    return parts, place, number


def shade(rng: np.random.Generator, layout: Layout, hits: Hits, atlas: Atlas) -> np.ndarray:
    """Return linear colours (S, S, 3)."""
    size_px = len(hits.nearness)
    parts, place, number = geometry(layout, hits)
    normal, uv = parts[:3], torch.from_numpy(parts[3:])
    away = np.linalg.norm(place, axis=0)
    facing = np.abs((normal * place).sum(0)) / away

    def paints(name: str) -> np.ndarray:
        return np.array([getattr(paint, name) for paint in layout.paints], np.float32)[number]

    density = paints("density")
    lod = np.log2(density * place[2] * (TILE_PX / size_px / layout.focal) + 1e-9)
    lod = torch.from_numpy(lod - 0.6 * np.log2(np.maximum(facing, 0.03)) - 0.4).float()
    tile = torch.from_numpy(paints("tile").astype(np.int32))
    texel = np.stack([t.numpy() for t in sample_tiles(atlas, tile, (uv[0], uv[1]), lod)])
    ratio = torch.from_numpy(paints("stain_density")) / torch.from_numpy(density)
    stain_tile = torch.from_numpy(paints("stain_tile").astype(np.int32))
    stain = sample_tiles(atlas, stain_tile, (uv[0] * ratio, uv[1] * ratio), lod + torch.log2(ratio))
    albedo = paints("base").T + np.einsum("kn,nkc->cn", texel, paints("mix"))
    albedo = np.clip(albedo * (1 + paints("stain") * stain[0].numpy()), 0.02, 1)
    lit, shine = illuminate(rng, layout, hits, normal, place, away)
    colour = albedo * lit + paints("gloss") * shine
    return haze(rng, colour, place[2]).T.reshape(size_px, size_px, 3).astype(np.float32)


def illuminate(
    rng: np.random.Generator,
    layout: Layout,
    hits: Hits,
    normal: np.ndarray,
    place: np.ndarray,
    away: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Return diffuse light (3, N) and highlights (N,)."""
    light, ambient = layout.light, rng.uniform(0.25, 0.8)
    sun = np.maximum(light @ normal, 0) * cast_shadows(layout, hits).ravel()
    half_way = light[:, None] - place / away
    half_way /= np.linalg.norm(half_way, axis=0)
    shine = np.maximum((half_way * normal).sum(0), 0) ** rng.uniform(10, 80) * (sun > 0)
    sky = ambient * (0.75 + 0.25 * (layout.up @ normal))
    crevice = 1 - rng.uniform(0, 0.7) * sunken(rng, hits.nearness).ravel()
    warmth = 1 + rng.normal(0, 0.06, (3, 1))
    lit = (sky * crevice + (1.15 - ambient) * sun) * warmth
    if rng.random() < 0.25:  # a lamp beside the camera
        lit = lit * np.clip(np.median(away) / away, 0.2, 1.8) ** rng.uniform(0.5, 1.5)
    return lit, shine


def cast_shadows(layout: Layout, hits: Hits) -> np.ndarray:
    """Return the share of the sun (S, S) that what is seen lets through, at half the size."""
    near = np.ascontiguousarray(hits.nearness[::2, ::2])
    x, y, depth = hits.x[:, ::2], hits.y[::2], 1 / near
    side = len(near)
    lit = np.ones_like(near)
    reach = 0.35 * float(np.median(depth)) / layout.focal
    for k in range(1, SHADOW_STEPS + 1):
        step = layout.light * reach * (k / SHADOW_STEPS) ** 1.5
        z = np.maximum(depth + step[2], 0.05)
        columns, rows = (
            ((v * depth + s) / z * layout.focal + 0.5) * side
            for v, s in ((x, step[0]), (y, step[1]))
        )
        columns, rows = (np.clip(v.astype(np.int32), 0, side - 1) for v in (columns, rows))
        before = z * near[rows, columns] - 1
        lit[(before > 0.02) & (before < 0.6)] = 0
    return cv2.resize(cv2.GaussianBlur(lit, (0, 0), 0.8), hits.nearness.shape)


def sunken(rng: np.random.Generator, nearness: np.ndarray) -> np.ndarray:
    """Return how far each place (S, S) lies behind its surroundings, in [0, 1]."""
    around = cv2.GaussianBlur(nearness, (0, 0), len(nearness) * rng.uniform(0.01, 0.05))
    return np.clip((around / nearness - 1) * 2.5, 0, 1)


def haze(rng: np.random.Generator, colour: np.ndarray, depth: np.ndarray) -> np.ndarray:
    """Veil colours (3, N) by depth, in one scene of five."""
    if rng.random() < 0.8:
        return colour
    share = 1 - np.exp(-depth / np.median(depth) * rng.uniform(0.1, 1))
    return colour + (rng.uniform(0.4, 0.9) + rng.normal(0, 0.05, (3, 1)) - colour) * share


def soften_edges(image: np.ndarray, hits: Hits) -> np.ndarray:
    """Blur (S, S, 3) where neighbouring pixels show different surfaces."""
    edge = np.zeros(hits.surface.shape, np.float32)
    edge[:, 1:] += hits.surface[:, 1:] != hits.surface[:, :-1]
    edge[1:] += hits.surface[1:] != hits.surface[:-1]
    edge = cv2.dilate(np.minimum(edge, 1), np.ones((2, 2), np.uint8), anchor=(1, 1))[:, :, None]
    return image + (cv2.GaussianBlur(image, (3, 3), 0.7) - image) * edge


def photograph(rng: np.random.Generator, image: np.ndarray, nearness: np.ndarray) -> np.ndarray:
    """Return (S, S, 3) in [0, 1] as a camera takes it: focus, exposure, noise, compression."""
    if rng.random() < 0.35:
        order = nearness / nearness.max()
        focus = rng.choice(order.ravel())
        blur = np.clip(np.abs(order - focus) * rng.uniform(1, 4), 0, 1)[:, :, None]
        strong = cv2.GaussianBlur(image, (0, 0), len(image) * rng.uniform(0.003, 0.012))
        image = image + (strong - image) * cv2.GaussianBlur(blur, (0, 0), 1.0)[:, :, None]
    if rng.random() < 0.5:
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.3, 0.9))
    level = float(np.percentile(image, 95))
    image = np.clip(image / max(level, 0.05) * rng.uniform(0.75, 1.15), 0, 1)
    image = image ** rng.uniform(0.6, 1.1) * (1 - 0.06 * np.abs(rng.normal(0, 1, 3)))
    image = image + log_uniform(rng, 0.002, 0.03) * rng.standard_normal(image.shape, np.float32)
    pixels = (np.clip(image, 0, 1) * 255).round().astype(np.uint8)
    if rng.random() < 0.6:
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(40, 98))]
        pixels = cv2.imdecode(cv2.imencode(".jpg", pixels, quality)[1], cv2.IMREAD_COLOR)
    return pixels / 255
