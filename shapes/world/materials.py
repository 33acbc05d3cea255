"""Colours with names, and the texture tiles that every surface of the world samples from."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

COLOURS: dict[str, tuple[float, float, float]] = {
    "red": (0.86, 0.10, 0.10),
    "green": (0.12, 0.62, 0.18),
    "blue": (0.13, 0.27, 0.87),
    "yellow": (0.96, 0.87, 0.12),
    "orange": (0.98, 0.52, 0.06),
    "purple": (0.50, 0.16, 0.70),
    "pink": (0.98, 0.55, 0.73),
    "white": (0.93, 0.93, 0.93),
    "black": (0.07, 0.07, 0.08),
    "brown": (0.42, 0.25, 0.12),
}
TILE_PX = 256
LEVELS = 8
TILES_OF: dict[str, tuple[int, ...]] = {
    "plain": (0,),
    "noise": (1, 2, 3),
    "leaves": (4, 5, 6, 7),
    "wood": (8, 9),
    "stripes": (10,),
    "checkers": (11,),
    "dots": (12,),
    "clouds": (13, 14),
}
TEXTURE_SEED = 20240
Channels = tuple[Tensor, Tensor, Tensor]


@dataclass(frozen=True)
class Atlas:
    """Mip-mapped tiles: three channels (V,), tile after tile, level after level, row by row."""

    channels: Channels
    tile_stride: int


def power_noise(rng: np.random.Generator, slope: float) -> np.ndarray:
    """Return a periodic tile of noise with amplitude spectrum f**-slope, unit deviation."""
    spectrum = np.fft.fft2(rng.standard_normal((TILE_PX, TILE_PX)))
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(TILE_PX), np.fft.fftfreq(TILE_PX)))
    frequency[0, 0] = np.inf
    tile = np.fft.ifft2(spectrum * frequency**-slope).real
    return tile / tile.std()


def dead_leaves(rng: np.random.Generator, size_range: tuple[float, float]) -> np.ndarray:
    """Return a periodic (3, T, T) tile of overlapping discs and boxes, radii ~ r**-3."""
    tile = np.zeros((3, TILE_PX, TILE_PX))
    smallest, largest = size_range
    shades = np.stack([power_noise(rng, 1.2) for _ in range(3)]) * 0.12
    axis = np.arange(TILE_PX)
    for _ in range(1500):
        draw = rng.random(7)
        radius = 1 / np.sqrt(smallest**-2 - draw[0] * (smallest**-2 - largest**-2))
        gap_y, gap_x = (
            np.abs((axis - centre * TILE_PX + TILE_PX / 2) % TILE_PX - TILE_PX / 2)
            for centre in draw[1:3]
        )
        rows, columns = (np.flatnonzero(gap <= radius) for gap in (gap_y, gap_x))
        window = np.ix_(rows, columns)
        distance = np.hypot(gap_y[rows][:, None], gap_x[columns][None, :])
        inside = distance <= radius if draw[3] < 0.6 else np.ones_like(distance, dtype=bool)
        for channel in range(3):
            tile[channel][window] = np.where(
                inside, draw[4 + channel] * 2 - 1, tile[channel][window]
            )
    return np.clip(tile * 0.85 + shades, -1, 1)


def wood(rng: np.random.Generator) -> np.ndarray:
    """Return a periodic (3, T, T) tile of boards with grain along x."""
    row, column = np.mgrid[0:TILE_PX, 0:TILE_PX] / TILE_PX
    warp = power_noise(rng, 2.0) * 0.05
    board = np.floor(row * 4).astype(int)
    shade = rng.uniform(-1, 1, 4)[board]
    offset = rng.random(4)[board]
    grain = np.sin(
        2 * np.pi * (16 * row + offset * 7 + 6 * warp + np.sin(2 * np.pi * column) * 0.3)
    )
    streak = np.fft.ifft2(
        np.fft.fft2(rng.standard_normal(row.shape))
        * np.exp(-((np.fft.fftfreq(TILE_PX) * 90) ** 2))[None, :]
        * np.exp(-((np.fft.fftfreq(TILE_PX) * 7) ** 2))[:, None]
    ).real
    seam = np.exp(-((((row * 4) % 1 - 0.5) ** 2 - 0.25) ** 2) * 4000)
    value = 0.3 * grain + 0.35 * streak / streak.std() + 0.4 * shade - 1.0 * seam
    return np.clip(np.stack([value, shade, 0.5 * streak / streak.std()]), -1.5, 1.5)


def regular(kind: str, rng: np.random.Generator) -> np.ndarray:
    """Return a (3, T, T) tile whose first channel is a 0/1 pattern, the rest faint noise."""
    row, column = (np.mgrid[0:TILE_PX, 0:TILE_PX] + 0.5) / TILE_PX
    if kind == "stripes":
        soft = np.sin(2 * np.pi * 4 * row) * 8
    elif kind == "checkers":
        soft = np.sin(2 * np.pi * 2 * row) * np.sin(2 * np.pi * 2 * column) * 16
    else:
        soft = (0.32 - np.hypot((row * 4) % 1 - 0.5, (column * 4) % 1 - 0.5)) * 14
    pattern = np.clip(0.5 + 0.5 * soft, 0, 1)
    return np.stack([pattern, *(power_noise(rng, 1.3).clip(-2, 2) * 0.5 for _ in range(2))])


def make_tile(kind: str, rng: np.random.Generator, variant: int) -> np.ndarray:
    """Return one (3, T, T) tile of the named kind."""
    if kind == "plain":
        return np.stack([power_noise(rng, 1.5).clip(-2, 2) * 0.3 for _ in range(3)])
    if kind in ("noise", "clouds"):
        slope = (1.0, 1.3, 1.6)[variant % 3] if kind == "noise" else 1.9
        return np.stack([power_noise(rng, slope).clip(-2, 2) * 0.5 for _ in range(3)])
    if kind == "leaves":
        return dead_leaves(rng, ((6, 60), (10, 90), (5, 30), (14, 50))[variant])
    return wood(rng) if kind == "wood" else regular(kind, rng)


@lru_cache(maxsize=4)
def load_atlas(device: str) -> Atlas:
    """Return the tiles with their box-filtered mip levels on `device`, made once."""
    rng = np.random.Generator(np.random.PCG64(TEXTURE_SEED))
    rows = []
    for kind, indices in TILES_OF.items():
        for variant in range(len(indices)):
            tile = make_tile(kind, rng, variant)
            for _ in range(LEVELS):
                rows.append(tile.reshape(3, -1).T)
                half = tile.shape[-1] // 2
                tile = tile.reshape(3, half, 2, half, 2).mean((2, 4))
    texels = np.concatenate(rows).astype(np.float32)
    stride = sum((TILE_PX >> level) ** 2 for level in range(LEVELS))
    channels = tuple(torch.from_numpy(texels[:, k].copy()).to(device) for k in range(3))
    return Atlas(channels, stride)


def sample_level(atlas: Atlas, tile: Tensor, uv: tuple[Tensor, Tensor], level: Tensor) -> Channels:
    """Read three channels (N,) bilinearly at one integer mip `level` (N,) with wrapping."""
    side = torch.bitwise_right_shift(TILE_PX, level)
    # levels of one tile lie one after another: 256^2 + 128^2 + ... = (256^2 - side^2) * 4 / 3
    start = tile * atlas.tile_stride + (TILE_PX * TILE_PX - side * side) // 3 * 4
    mask = side - 1
    x, y = uv[0] * side - 0.5, uv[1] * side - 0.5
    left, top = x.floor(), y.floor()
    x, y = x - left, y - top
    left, top = left.to(torch.int32), top.to(torch.int32)
    columns = (left & mask, (left + 1) & mask)
    lines = (start + (top & mask) * side, start + ((top + 1) & mask) * side)
    corners = [line + column for line in lines for column in columns]
    result = []
    for channel in atlas.channels:
        a, b, c, d = (channel.index_select(0, corner) for corner in corners)
        result.append(torch.lerp(torch.lerp(a, b, x), torch.lerp(c, d, x), y))
    return tuple(result)


def sample_tiles(atlas: Atlas, tile: Tensor, uv: tuple[Tensor, Tensor], lod: Tensor) -> Channels:
    """Read three channels (N,) trilinearly: `uv` in tiles, `lod` = log2 of texels a pixel."""
    lod = lod.clamp(0, LEVELS - 1.001)
    level = lod.floor()
    near = level.to(torch.int32)
    wrapped = (uv[0] - uv[0].floor(), uv[1] - uv[1].floor())
    fine = sample_level(atlas, tile, wrapped, near)
    coarse = sample_level(atlas, tile, wrapped, near + 1)
    part = lod - level
    return tuple(torch.lerp(a, b, part) for a, b in zip(fine, coarse, strict=True))
