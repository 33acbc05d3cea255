"""The procedural stereo world: textured solids on a floor, with exact disparity and captions.

`python -m shapes.world.shapes --count 24 --out DIR` writes stereo pairs in the layout of the
Middlebury 2014 benchmark.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from typing import TypeVar

import torch
from torch import Tensor

from shapes.world.captions import MIN_SHARE, VOCABULARY_WORDS, SeenObject, describe
from shapes.world.layout import draw_scene
from shapes.world.materials import COLOURS
from shapes.world.render import view
from shapes.world.scene import HELD_OUT_SEEDS, SHAPES, Scene
from shapes.world.trace import World, pack, shadow_map

__all__ = [
    "COLOURS",
    "HELD_OUT_FIRST_SEED",
    "SHAPES",
    "SeenObject",
    "VOCABULARY_WORDS",
    "StereoScenes",
    "Views",
    "render_scenes",
    "render_views",
]
HELD_OUT_FIRST_SEED = HELD_OUT_SEEDS[0]
SEED_LIMIT = 2**32
OCCLUSION_TOLERANCE_PX = 0.3
CPU_BATCH = 1
DEVICE_BATCH = 32


@dataclass(frozen=True)
class Views:
    """Left views: `left` (B, 3, H, W) in [0, 1], `disparity_left_px` and `depth` (B, H, W).

    `objects` lists the visible named solids of each scene; `surface` (B, H, W) holds the index
    of the solid that each pixel shows: named ones first, then poles, floor, background.
    """

    left: Tensor
    disparity_left_px: Tensor
    depth: Tensor
    surface: Tensor
    captions: list[str]
    objects: list[list[SeenObject]]


@dataclass(frozen=True)
class StereoScenes:
    """Stereo scenes: images (B, 3, H, W) in [0, 1], the rest (B, H, W), disparity in pixels.

    `visible_left` says which pixels of the left image the right eye sees too; likewise right.
    `focal_px` and `baseline` (B,) give disparity_px = focal_px * baseline / depth.
    """

    left: Tensor
    right: Tensor
    disparity_left_px: Tensor
    disparity_right_px: Tensor
    visible_left: Tensor
    visible_right: Tensor
    depth: Tensor
    surface: Tensor
    focal_px: Tensor
    baseline: Tensor
    captions: list[str]
    objects: list[list[SeenObject]]


Result = TypeVar("Result", Views, StereoScenes)


def check_request(seeds: Sequence[int], size_px: int) -> None:
    """Raise ValueError for a seed or a size out of range."""
    for seed in seeds:
        if not 0 <= seed < SEED_LIMIT:
            raise ValueError(f"seed is {seed}, expected 0 to {SEED_LIMIT - 1}")
    if not 16 <= size_px <= 4096:
        raise ValueError(f"size_px is {size_px}, expected 16 to 4096")
    if not len(seeds):
        raise ValueError("seeds is empty, expected at least one seed")


def surface_stats(world: World, row: Tensor, depth: Tensor) -> Tensor:
    """Return (N, 4) of each surface row in the left image: share, mean x, mean y, mean depth."""
    size_px = row.shape[-1]
    step = 2  # every second pixel both ways is enough to name and to relate
    axis = ((torch.arange(size_px, device=row.device) + 0.5) / size_px)[::step]
    row, depth = row[:, ::step, ::step], depth[:, ::step, ::step]
    flat = row.flatten()
    rows = world.frame.shape[1]
    x = axis[None, None, :].expand_as(depth).flatten()
    y = axis[None, :, None].expand_as(depth).flatten()
    count = torch.bincount(flat, minlength=rows).double()
    sums = [torch.bincount(flat, part.double(), minlength=rows) for part in (x, y, depth.flatten())]
    return torch.stack(
        [count / axis.numel() ** 2, *(s / count.clamp_min(1) for s in sums)], 1
    ).cpu()


def describe_scenes(
    scenes: list[Scene], world: World, row: Tensor, depth: Tensor
) -> tuple[list[str], list[list[SeenObject]]]:
    """Return captions and the visible named objects, from what the left image shows."""
    stats = surface_stats(world, row, depth)
    captions, objects = [], []
    for scene, first, last in zip(scenes, world.first_row, world.first_row[1:], strict=False):
        share, x, y, away = (part.tolist() for part in stats[first:last].unbind(1))
        seen = [
            SeenObject.of(solid, i, share=share[i], centre=(x[i], y[i]), depth=away[i])
            for i, solid in enumerate(scene.solids[: scene.named])
            if share[i] >= MIN_SHARE
        ]
        captions.append(describe(scene, seen, stats[first:last, 0].numpy()))
        objects.append(seen)
    return captions, objects


def first_rows(world: World, row: Tensor) -> Tensor:
    """Return the surface index within its scene instead of the row in the batch."""
    first = torch.tensor(world.first_row[:-1], dtype=row.dtype, device=row.device)
    return row - first[:, None, None]


@torch.no_grad()
def render_views(seeds: Sequence[int], *, size_px: int = 256, device: str = "cpu") -> Views:
    """Render left views of the scenes of `seeds`.

    Raises:
        ValueError: for a seed outside 0 to 2**32 - 1 or a size outside 16 to 4096.
    """
    check_request(seeds, size_px)
    return render_batches(views_of, seeds, size_px, str(device))


def views_of(seeds: Sequence[int], size_px: int, device: str) -> Views:
    """Render one batch of left views."""
    scenes = [draw_scene(int(seed)) for seed in seeds]
    world = pack(scenes, device)
    image, depth, row = view(world, shadow_map(world), size_px=size_px, right=False)
    captions, objects = describe_scenes(scenes, world, row, depth)
    disparity = disparity_unit(world, size_px) / depth
    return Views(image, disparity, depth, first_rows(world, row), captions, objects)


def disparity_unit(world: World, size_px: int) -> Tensor:
    """Return focal length in pixels times baseline, (B, 1, 1)."""
    return (world.air[0] * size_px * world.air[1])[:, None, None]


def render_batches(
    render: Callable[[Sequence[int], int, str], Result],
    seeds: Sequence[int],
    size_px: int,
    device: str,
) -> Result:
    """Render in batches: small ones that fit the caches of the cores, large ones elsewhere."""
    count = CPU_BATCH if device == "cpu" else DEVICE_BATCH
    parts = [seeds[start : start + count] for start in range(0, len(seeds), count)]
    cores = torch.get_num_threads()
    if device != "cpu" or cores == 1:
        return join([render(part, size_px, device) for part in parts])
    # scenes side by side, as sharing each small operation among cores costs more than it gives
    torch.set_num_threads(1)
    try:
        with ThreadPoolExecutor(min(cores, len(parts))) as pool:
            return join(list(pool.map(lambda part: render(part, size_px, device), parts)))
    finally:
        torch.set_num_threads(cores)


def join(parts: list[Result]) -> Result:
    """Concatenate results of batches field by field."""
    joined = {}
    for entry in fields(parts[0]):
        values = [getattr(part, entry.name) for part in parts]
        is_tensor = isinstance(values[0], Tensor)
        joined[entry.name] = (
            torch.cat(values) if is_tensor else [v for part in values for v in part]
        )
    return type(parts[0])(**joined)


def seen_by_other(disparity: Tensor, other: Tensor, direction: int) -> Tensor:
    """Return where the other eye's disparity agrees at the place that `disparity` points to.

    Args:
        disparity: (B, H, W) in pixels.
        other: the same of the other eye.
        direction: -1 from left to right, 1 from right to left.
    """
    width = disparity.shape[-1]
    target = torch.arange(width, device=disparity.device) + direction * disparity
    before = target.floor().long()
    values = [other.gather(2, (before + k).clamp(0, width - 1)) for k in (0, 1)]
    values.append(torch.lerp(values[0], values[1], target - before))
    error = torch.stack([(value - disparity).abs() for value in values]).amin(0)
    return (target >= 0) & (target <= width - 1) & (error < OCCLUSION_TOLERANCE_PX)


@torch.no_grad()
def render_scenes(seeds: Sequence[int], *, size_px: int = 256, device: str = "cpu") -> StereoScenes:
    """Render stereo scenes of `seeds` with disparity and visibility of both eyes.

    Raises:
        ValueError: for a seed outside 0 to 2**32 - 1 or a size outside 16 to 4096.
    """
    check_request(seeds, size_px)
    return render_batches(scenes_of, seeds, size_px, str(device))


def scenes_of(seeds: Sequence[int], size_px: int, device: str) -> StereoScenes:
    """Render one batch of stereo scenes."""
    scenes = [draw_scene(int(seed)) for seed in seeds]
    world = pack(scenes, device)
    shadow = shadow_map(world)
    left, depth, row = view(world, shadow, size_px=size_px, right=False)
    right, depth_right, _ = view(world, shadow, size_px=size_px, right=True)
    disparity = disparity_unit(world, size_px) / depth
    disparity_right = disparity_unit(world, size_px) / depth_right
    captions, objects = describe_scenes(scenes, world, row, depth)
    return StereoScenes(
        left=left,
        right=right,
        disparity_left_px=disparity,
        disparity_right_px=disparity_right,
        visible_left=seen_by_other(disparity, disparity_right, -1),
        visible_right=seen_by_other(disparity_right, disparity, 1),
        depth=depth,
        surface=first_rows(world, row),
        focal_px=world.air[0] * size_px,
        baseline=world.air[1],
        captions=captions,
        objects=objects,
    )


if __name__ == "__main__":
    from shapes.world.export import main

    raise SystemExit(main())
