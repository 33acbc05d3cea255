"""A pool of rendered scenes on disk, in shards, from which training draws its batches.

A shard is three files: images (N, S, S, 3) uint8, disparity (N, S, S) float16 in pixels, and
captions. The captions are written last, so a shard that has them is whole: rendering can stop
anywhere, go on later, and run in several processes.
"""

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ldm.files import whole_file, write_bytes, write_text

logger = logging.getLogger(__name__)

SHARD_SCENES = 256
RENDER_BATCH = 16


@dataclass(frozen=True)
class Pool:
    """Rendered scenes, memory-mapped; scene i has the seed `first_seed + i`."""

    images: tuple[np.ndarray, ...]
    disparities_px: tuple[np.ndarray, ...]
    captions: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.captions)

    @cached_property
    def size_px(self) -> int:
        """Side of the images."""
        return int(self.images[0].shape[1])

    def image(self, index: int) -> np.ndarray:
        """Return image `index` (S, S, 3) uint8."""
        return self.images[index // SHARD_SCENES][index % SHARD_SCENES]

    def disparity_px(self, index: int) -> np.ndarray:
        """Return disparity `index` (S, S) float16, near = large."""
        return self.disparities_px[index // SHARD_SCENES][index % SHARD_SCENES]


def render_pool(
    folder: Path,
    count: int,
    *,
    first_seed: int,
    size_px: int,
    device: str = "cpu",
    worker: int = 0,
    workers: int = 1,
) -> None:
    """Render what is missing of `count` scenes (rounded up to whole shards) into `folder`.

    Each of `workers` processes that run at once takes every `workers`-th shard, from `worker`.
    """
    _claim(folder, first_seed=first_seed, size_px=size_px)
    for shard in range(worker, -(-count // SHARD_SCENES), workers):
        if not _paths(folder, shard)[-1].exists():
            _render_shard(folder, shard, first_seed=first_seed, size_px=size_px, device=device)
            logger.info("rendered shard %d of %s", shard, folder)


def _claim(folder: Path, *, first_seed: int, size_px: int) -> None:
    """Say in a folder which scenes it is for, or compare with what it says.

    Raises:
        ValueError: it holds other scenes.
    """
    path, told = folder / "pool.json", {"first_seed": first_seed, "size_px": size_px}
    if not path.is_file():
        write_text(path, json.dumps(told) + "\n")
    elif (known := json.loads(path.read_text())) != told:
        raise ValueError(f"data, folder: {folder} holds scenes of {known}, expected {told}")


def open_pool(folder: Path, count: int | None = None) -> Pool:
    """Open the whole shards at the start of `folder`, at most `count` scenes.

    Raises:
        FileNotFoundError: `folder` holds no whole shard.
    """
    images, disparities, captions = [], [], []
    shard = 0
    while (count is None or len(captions) < count) and _paths(folder, shard)[-1].exists():
        image_path, disparity_path, caption_path = _paths(folder, shard)
        images.append(np.load(image_path, mmap_mode="r"))
        disparities.append(np.load(disparity_path, mmap_mode="r"))
        captions += json.loads(caption_path.read_text())
        shard += 1
    if not captions:
        raise FileNotFoundError(f"pool: {folder} holds no rendered shard")
    return Pool(tuple(images), tuple(disparities), tuple(captions[:count]))


def join_pools(pools: Sequence[Pool]) -> Pool:
    """Return one pool of the scenes of several.

    Raises:
        ValueError: one but the last does not end with a whole shard.
    """
    broken = [len(pool) for pool in pools[:-1] if len(pool) % SHARD_SCENES]
    if broken:
        raise ValueError(
            f"scenes: got {broken[0]}, expected a multiple of {SHARD_SCENES} where others follow"
        )
    return Pool(
        tuple(shard for pool in pools for shard in pool.images),
        tuple(shard for pool in pools for shard in pool.disparities_px),
        tuple(caption for pool in pools for caption in pool.captions),
    )


def draw_crops(
    pool: Pool, batch: int, *, size_px: int, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Draw random square crops, half of them mirrored.

    Returns images (B, 3, size_px, size_px) in [-1, 1] and disparities (B, size_px, size_px) in
    pixels.
    """
    images, disparities = [], []
    room = pool.size_px - size_px + 1
    for index in torch.randint(len(pool), (batch,), generator=generator).tolist():
        y, x = torch.randint(room, (2,), generator=generator).tolist()
        step = 1 if torch.rand((), generator=generator) < 0.5 else -1
        window = np.s_[y : y + size_px, x : x + size_px]
        images.append(pool.image(index)[window][:, ::step])
        disparities.append(pool.disparity_px(index)[window][:, ::step])
    return to_network(np.stack(images)), torch.from_numpy(np.stack(disparities)).float()


def to_network(images: np.ndarray) -> Tensor:
    """Return (B, 3, H, W) float32 in [-1, 1] from (B, H, W, 3) uint8."""
    return torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2).float() / 127.5 - 1


def save_array(path: Path, array: np.ndarray) -> None:
    """Write a .npy file that appears whole or not at all."""
    with whole_file(path) as partial, partial.open("wb") as file:
        np.save(file, array)


def _render_shard(folder: Path, shard: int, *, first_seed: int, size_px: int, device: str) -> None:
    seeds = range(first_seed + shard * SHARD_SCENES, first_seed + (shard + 1) * SHARD_SCENES)
    batches = [
        _render_batch(seeds[start : start + RENDER_BATCH], size_px=size_px, device=device)
        for start in range(0, SHARD_SCENES, RENDER_BATCH)
    ]
    image_path, disparity_path, caption_path = _paths(folder, shard)
    save_array(image_path, np.concatenate([batch[0] for batch in batches]))
    save_array(disparity_path, np.concatenate([batch[1] for batch in batches]))
    captions = [caption for batch in batches for caption in batch[2]]
    write_bytes(caption_path, json.dumps(captions).encode())


def _render_batch(
    seeds: Sequence[int], *, size_px: int, device: str
) -> tuple[np.ndarray, np.ndarray, list[str]]:
    from shapes.world.shapes import render_views

    views = render_views(seeds, size_px=size_px, device=device)
    pixels = (views.left * 255).round().clamp(0, 255).byte().permute(0, 2, 3, 1)
    return pixels.cpu().numpy(), views.disparity_left_px.half().cpu().numpy(), views.captions


def _paths(folder: Path, shard: int) -> tuple[Path, Path, Path]:
    stem = folder / f"{shard:05d}"
    return (
        stem.with_suffix(".images.npy"),
        stem.with_suffix(".disparity.npy"),
        stem.with_suffix(".captions.json"),
    )
