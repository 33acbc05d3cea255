"""Rendering the scenes of seeds, with disparity, captions, and what either eye sees."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from typing import Any, TypeVar

import torch
from torch import Tensor

from shapes.world.captions import MIN_SHARE, SeenObject, describe
from shapes.world.layout import draw_scene
from shapes.world.render import view
from shapes.world.scene import Scene
from shapes.world.seeds import check_request
from shapes.world.trace import World, pack, shadow_map

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
class StereoScenes(Views):
    """Both views: images (B, 3, H, W) in [0, 1], the rest (B, H, W), disparity in pixels.

    `visible_left` says which pixels of the left image the right eye sees too; likewise right.
    `focal_px` and `baseline` (B,) give disparity_px = focal_px * baseline / depth.
    """

    right: Tensor
    disparity_right_px: Tensor
    visible_left: Tensor
    visible_right: Tensor
    focal_px: Tensor
    baseline: Tensor


Result = TypeVar("Result", bound=Views)


@torch.no_grad()
def render_views(seeds: Sequence[int], *, size_px: int = 256, device: str = "cpu") -> Views:
    """Render left views of the scenes of `seeds`.

    Raises:
        ValueError: for a seed outside 0 to 2**32 - 1 or a size outside 16 to 4096.
    """
    return _render_batches(_left_views, seeds, size_px, str(device))


@torch.no_grad()
def render_scenes(seeds: Sequence[int], *, size_px: int = 256, device: str = "cpu") -> StereoScenes:
    """Render stereo scenes of `seeds` with disparity and visibility of both eyes.

    Raises:
        ValueError: for a seed outside 0 to 2**32 - 1 or a size outside 16 to 4096.
    """
    return _render_batches(_stereo_scenes, seeds, size_px, str(device))


def _left_views(world: World, scenes: list[Scene], shadow: Tensor, size_px: int) -> Views:
    image, depth, row = view(world, shadow, size_px=size_px, right=False)
    captions, objects = describe_scenes(scenes, world, row, depth)
    first = torch.tensor(world.first_row[:-1], dtype=row.dtype, device=row.device)
    surface = row - first[:, None, None]
    return Views(image, disparity_unit(world, size_px) / depth, depth, surface, captions, objects)


def _stereo_scenes(world: World, scenes: list[Scene], shadow: Tensor, size_px: int) -> StereoScenes:
    left = _left_views(world, scenes, shadow, size_px)
    right, depth, _ = view(world, shadow, size_px=size_px, right=True)
    disparity = disparity_unit(world, size_px) / depth
    return StereoScenes(
        **vars(left),
        right=right,
        disparity_right_px=disparity,
        visible_left=seen_by_other(left.disparity_left_px, disparity, -1),
        visible_right=seen_by_other(disparity, left.disparity_left_px, 1),
        focal_px=world.air[0] * size_px,
        baseline=world.air[1],
    )


def disparity_unit(world: World, size_px: int) -> Tensor:
    """Return focal length in pixels times baseline, (B, 1, 1)."""
    return (world.air[0] * size_px * world.air[1])[:, None, None]


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


def surface_stats(world: World, row: Tensor, depth: Tensor) -> Tensor:
    """Return (N, 4) of each surface row in the left image: share, mean x, mean y, mean depth."""
    size_px = row.shape[-1]
    step = 2  # every second pixel both ways is enough to name and to relate
    axis = ((torch.arange(size_px, device=row.device) + 0.5) / size_px)[::step]
    flat, depth = row[:, ::step, ::step].flatten(), depth[:, ::step, ::step]
    x, y = axis[None, None, :].expand_as(depth), axis[None, :, None].expand_as(depth)
    rows = world.frame.shape[1]
    count = torch.bincount(flat, minlength=rows).double()
    sums = [torch.bincount(flat, part.flatten().double(), minlength=rows) for part in (x, y, depth)]
    return torch.stack(
        [count / axis.numel() ** 2, *(s / count.clamp_min(1) for s in sums)], 1
    ).cpu()


def _render_batches(
    render: Callable[[World, list[Scene], Tensor, int], Result],
    seeds: Sequence[int],
    size_px: int,
    device: str,
) -> Result:
    """Render in batches: small ones that fit the caches of the cores, large ones elsewhere."""
    check_request(seeds, size_px)

    def render_batch(start: int) -> Result:
        scenes = [draw_scene(int(seed)) for seed in seeds[start : start + count]]
        world = pack(scenes, device)
        return render(world, scenes, shadow_map(world), size_px)

    count = CPU_BATCH if device == "cpu" else DEVICE_BATCH
    starts = range(0, len(seeds), count)
    cores = torch.get_num_threads()
    if device != "cpu" or cores == 1:
        return _join([render_batch(start) for start in starts])
    # scenes side by side, as sharing each small operation among cores costs more than it gives
    torch.set_num_threads(1)
    try:
        with ThreadPoolExecutor(min(cores, len(starts))) as pool:
            return _join(list(pool.map(render_batch, starts)))
    finally:
        torch.set_num_threads(cores)


def _join(parts: list[Result]) -> Result:
    """Concatenate results of batches field by field."""
    joined: dict[str, Any] = {}
    for entry in fields(parts[0]):
        values = [getattr(part, entry.name) for part in parts]
        is_tensor = isinstance(values[0], Tensor)
        joined[entry.name] = torch.cat(values) if is_tensor else sum(values, [])
    return type(parts[0])(**joined)
