"""Texture tiles as rich as photographs': noise, dead leaves, wood, stains, weaves and prints."""

from functools import lru_cache

import cv2
import numpy as np
import torch

from shapes.world.materials import (
    LEVELS,
    TILE_PX,
    Atlas,
    dead_leaves,
    power_noise,
    regular,
    wood,
)

# How many tiles there are of each kind, in the order of the atlas; pictures are added behind them.
COUNTS = {"noise": 8, "leaves": 10, "stains": 5, "wood": 3, "regular": 6, "weave": 5, "print": 11}
FIRST = dict(zip(COUNTS, np.cumsum([0, *COUNTS.values()]).tolist(), strict=False))
PLAIN_TILES = sum(COUNTS.values())
TILE_SEED = 20261


def periodic_blur(tile: np.ndarray, sigma_px: float) -> np.ndarray:
    """Blur a periodic (..., T, T) tile by a Gaussian."""
    frequency = np.fft.fftfreq(TILE_PX)
    gain = np.exp(-2 * (np.pi * sigma_px * frequency) ** 2)
    return np.fft.ifft2(np.fft.fft2(tile) * gain[:, None] * gain).real


def stains(rng: np.random.Generator) -> np.ndarray:
    """Return a (3, T, T) tile of soft spots with hard rims on faint noise."""
    field = power_noise(rng, rng.uniform(1.4, 2.0))
    spots = np.tanh((field - rng.uniform(0.3, 1.0)) * rng.uniform(2, 20))
    return np.stack([spots, power_noise(rng, 1.2) * 0.4, periodic_blur(spots, 6) - spots])


def weave(rng: np.random.Generator) -> np.ndarray:
    """Return a (3, T, T) tile of cloth: bands of random widths across each other, and thread."""
    axis = np.arange(TILE_PX)
    bands = []
    for _ in range(2):
        cuts = np.sort(rng.integers(0, TILE_PX, rng.integers(4, 24)))
        shades = rng.uniform(-1, 1, (len(cuts) + 1, 3))
        shades[-1] = shades[0]
        bands.append(shades[np.searchsorted(cuts, axis)].T)
    thread = np.sin(2 * np.pi * axis * 64 / TILE_PX)
    cloth = 0.5 * bands[0][:, :, None] + 0.5 * bands[1][:, None, :]
    return cloth + 0.2 * thread[:, None] * thread + 0.1 * power_noise(rng, 1.0)


def printed_page(rng: np.random.Generator) -> np.ndarray:
    """Return a (3, T, T) tile of a page: blocks with gradients, lines of text, round spots."""
    page = np.ones((3, TILE_PX, TILE_PX)) * rng.uniform(-1, 1, (3, 1, 1))
    axis = np.arange(TILE_PX)
    for _ in range(int(rng.integers(6, 30))):
        top, left = rng.integers(0, TILE_PX - 16, 2)
        height, width = (rng.integers(12, 20 + TILE_PX // 2, 2)).tolist()
        block = page[:, top : top + height, left : left + width]
        kind, colour = rng.random(), rng.uniform(-1, 1, (3, 1, 1))
        rows, columns = axis[: block.shape[1], None], axis[None, : block.shape[2]]
        if kind < 0.4:
            ramp = (rows * rng.normal() + columns * rng.normal()) / TILE_PX
            block[:] = colour + ramp * rng.uniform(-1, 1, (3, 1, 1)) * 2
        elif kind < 0.75:
            line = int(rng.integers(4, 16))
            ink = rng.random((block.shape[1] // line + 1, block.shape[2] // 3 + 1)) < 0.6
            ink = ink[rows // line, columns // 3] & (rows % line < 0.6 * line)
            block[:] = np.where(ink, -colour, block)
        else:
            radius = min(block.shape[1:]) / 2
            disc = np.hypot(rows - radius, columns - radius) < radius
            block[:] = np.where(disc, colour, block)
    return page + 0.08 * power_noise(rng, 1.0)


def make_tile(kind: str, rng: np.random.Generator) -> np.ndarray:
    """Return one (3, T, T) tile about [-1, 1] of the named kind."""
    if kind == "noise":
        slope = rng.uniform(0.7, 2.0)
        return np.stack([power_noise(rng, slope) for _ in range(3)]).clip(-2.5, 2.5) * 0.5
    if kind == "leaves":
        smallest = rng.uniform(2, 12)
        return dead_leaves(rng, (smallest, smallest * rng.uniform(3, 12)))
    if kind == "regular":
        return regular(str(rng.choice(["stripes", "checkers", "dots"])), rng) * 2 - 1
    makers = {"stains": stains, "wood": wood, "weave": weave, "print": printed_page}
    return makers[kind](rng)


def pack_tiles(tiles: list[np.ndarray]) -> Atlas:
    """Lay (3, T, T) tiles out with their box-filtered mip levels."""
    rows = []
    for tile in tiles:
        for _ in range(LEVELS):
            rows.append(tile.reshape(3, -1).T)
            half = tile.shape[-1] // 2
            tile = tile.reshape(3, half, 2, half, 2).mean((2, 4))
    texels = torch.from_numpy(np.concatenate(rows).astype(np.float32))
    stride = sum((TILE_PX >> level) ** 2 for level in range(LEVELS))
    return Atlas(tuple(texels[:, k].contiguous() for k in range(3)), stride)


@lru_cache(maxsize=1)
def plain_tiles() -> list[np.ndarray]:
    """Return the tiles that are not pictures of the world itself, made once."""
    rng = np.random.Generator(np.random.PCG64(TILE_SEED))
    return [make_tile(kind, rng) for kind, count in COUNTS.items() for _ in range(count)]


def picture_tile(picture: np.ndarray) -> np.ndarray:
    """Return a picture (S, S, 3) in [0, 1] as a tile (3, T, T)."""
    side = cv2.resize(picture, (TILE_PX, TILE_PX), interpolation=cv2.INTER_AREA)
    return side.transpose(2, 0, 1) * 2 - 1
