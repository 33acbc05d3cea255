"""Where things stand: places on the floor, the camera that frames them, floor and background."""

import math
from dataclasses import replace

import numpy as np

from shapes.world.materials import COLOURS, TILES_OF
from shapes.world.primitives import PLANE
from shapes.world.scene import SHAPES, Material, Rig, Scene, Solid, choose, turn
from shapes.world.solids import draw_pole, draw_solid, ground_material
from shapes.world.staging import Shares, Staging, Textures, staging_of, textures_of


def free_place(x: float, z: float, reach: float, taken: list[tuple[float, float, float]]) -> bool:
    """Say whether a disc on the floor keeps clear of those already taken."""
    return all(math.hypot(x - a, z - b) > reach + other + 0.03 for a, b, other in taken)


def propose(
    rng: np.random.Generator,
    count: int,
    index: int,
    staging: Staging,
    *,
    distance: float,
    focal: float,
) -> tuple[float, float]:
    """Draw a place (x, z) for object `index` of `count` so that it falls inside the frame."""
    if count == 1:
        edge = 0.42 if rng.random() < 0.12 * staging.odd else staging.edge
        across, depth = rng.uniform(-edge, edge), distance
    elif count == 2:
        across = rng.uniform(*staging.across) * (-1 if index == 0 else 1)
        depth = distance * rng.uniform(*staging.depth)
    else:
        across, depth = rng.uniform(-0.42, 0.42), distance * rng.uniform(0.8, 1.8)
    return across * depth / focal, depth


def place_solids(
    rng: np.random.Generator, count: int, textures: Textures, staging: Staging, *, focal: float
) -> tuple[list[Solid], float]:
    """Draw `count` named solids standing apart, and the distance that they are seen from."""
    colours = rng.permutation(list(COLOURS))
    names = [choose(rng, dict.fromkeys(SHAPES, 1.0)) for _ in range(count)]
    drawn = [
        draw_solid(rng, name, str(colours[i]), textures, staging) for i, name in enumerate(names)
    ]
    if count == 1:
        solid, reach = drawn[0]
        span = max(2 * solid.centre[1], 1.5 * reach)
        distance = focal * span / rng.uniform(*staging.single_share)
    else:
        share = rng.uniform(*(staging.pair_share if count == 2 else (0.27, 0.38)))
        distance = focal * 1.05 / share
    swap = rng.random() < 0.5
    placed: list[Solid] = []
    taken: list[tuple[float, float, float]] = []
    for index, (solid, reach) in enumerate(drawn):
        for _ in range(40):
            side = 1 - index if swap and count == 2 else index
            x, z = propose(rng, count, side, staging, distance=distance, focal=focal)
            if free_place(x, z, reach, taken):
                taken.append((x, z, reach))
                placed.append(replace(solid, centre=solid.centre + np.array((x, 0.0, z))))
                break
    return placed, distance


def place_poles(
    rng: np.random.Generator,
    solids: list[Solid],
    staging: Staging,
    *,
    distance: float,
    focal: float,
) -> list[Solid]:
    """Draw no to three thin poles among the solids."""
    if rng.random() > 0.15 * staging.odd:
        return []
    taken = [(s.centre[0], s.centre[2], 0.75 * float(max(s.half_size))) for s in solids]
    poles = []
    for _ in range(int(rng.integers(1, 4))):
        depth = distance * rng.uniform(0.85, 2.0)
        x = rng.uniform(-0.45, 0.45) * depth / focal
        pole = draw_pole(rng)
        if free_place(x, depth, 0.1, taken):
            poles.append(replace(pole, centre=pole.centre + np.array((x, 0.0, depth))))
    return poles


def aim_rig(
    rng: np.random.Generator,
    solids: list[Solid],
    staging: Staging,
    *,
    distance: float,
    focal: float,
) -> Rig:
    """Draw the camera's height and pitch, and the baseline that gives the nearest 4.5 to 8.5 %."""
    tilt = math.radians(rng.uniform(*staging.tilt_degrees))
    aim = float(np.mean([s.centre[1] for s in solids])) + rng.uniform(*staging.aim)
    pitch = tilt + math.radians(rng.uniform(-1.5, 1.5))
    height = aim + distance * math.tan(tilt)
    nearest = min(
        s.centre[2] * math.cos(pitch)
        + (height - s.centre[1]) * math.sin(pitch)
        - 0.7 * min(float(max(s.half_size)), 0.6)
        for s in solids
    )
    return Rig(focal, rng.uniform(0.045, 0.085) * nearest / focal, height, pitch)


def draw_background(
    rng: np.random.Generator, rig: Rig, farthest: float, textures: Shares
) -> tuple[Solid, np.ndarray]:
    """Draw a wall or a sky at 0.5 to 2 % disparity; return it and the haze colour."""
    is_sky = rng.random() < 0.45
    share = rng.uniform(0.005, 0.011) if is_sky else rng.uniform(0.010, 0.022)
    depth = max(rig.focal * rig.baseline / share, farthest + 1.2)
    face = turn(0, -math.pi / 2)
    if not is_sky:
        if rng.random() < 0.5:
            face = turn(1, rng.uniform(-0.3, 0.3)) @ face
        material = ground_material(rng, textures, scale=depth * rng.uniform(0.35, 0.9))
        haze = material.base * 0.5 + 0.35
    else:
        blue = np.array((0.42, 0.62, 0.90)) + rng.uniform(-0.07, 0.07, 3)
        cloudy = rng.random() < 0.6
        mix = np.stack([np.array((0.22, 0.16, 0.07)) * (1.0 if cloudy else 0.2), *np.zeros((2, 3))])
        tile = int(rng.choice(TILES_OF["clouds"]))
        kind = "clouds" if cloudy else "plain"
        material = Material(kind, tile, blue, mix, 1 / (depth * 1.3), rng.random(2))
        haze = np.array((0.86, 0.89, 0.93)) + rng.uniform(-0.06, 0.04, 3)
    name, centre = "sky" if is_sky else "wall", np.array((0.0, 0.0, depth))
    solid = Solid(name, PLANE, "", "", material, np.ones(3), face, centre, is_emissive=is_sky)
    return solid, haze


def draw_floor(rng: np.random.Generator, distance: float, textures: Shares) -> Solid:
    """Draw the floor, the plane y = 0."""
    material = ground_material(rng, textures, scale=distance * rng.uniform(0.45, 0.9))
    yaw = turn(1, rng.uniform(-math.pi, math.pi))
    return Solid("floor", PLANE, "", "", material, np.ones(3), yaw, np.zeros(3))


def draw_scene(seed: int) -> Scene:
    """Draw the scene of a seed; the caption has a stream of its own."""
    rng = np.random.Generator(np.random.PCG64([seed, 0]))
    textures, staging = textures_of(seed), staging_of(seed)
    focal = rng.uniform(*staging.focal)
    count = int(choose(rng, staging.counts))
    solids, distance = place_solids(rng, count, textures, staging, focal=focal)
    poles = place_poles(rng, solids, staging, distance=distance, focal=focal)
    rig = aim_rig(rng, solids, staging, distance=distance, focal=focal)
    farthest = max(s.centre[2] for s in solids + poles)
    background, haze = draw_background(rng, rig, farthest, textures.walls)
    floor = draw_floor(rng, distance, textures.floors)
    azimuth, elevation = rng.uniform(-1.9, 1.9), rng.uniform(0.6, 1.15)
    across, away = math.sin(azimuth), -math.cos(azimuth)
    flat, up = math.cos(elevation), math.sin(elevation)
    foggy = rng.random() < 0.15 * staging.odd
    return Scene(
        seed=seed,
        rig=rig,
        solids=[*solids, *poles, floor, background],
        named=len(solids),
        light=np.array((across * flat, up, away * flat)),
        ambient=rng.uniform(0.6, 0.75),
        haze=haze,
        fog_length=distance * rng.uniform(1.5, 4.0) if foggy else 1e6,
        clear_depth=0.8 * distance,
        words=np.random.Generator(np.random.PCG64([seed, 1])),
    )
