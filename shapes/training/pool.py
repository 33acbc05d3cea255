"""A pool of rendered scenes on disk, in shards, from which training draws its batches.

A shard is three files: images (N, S, S, 3) uint8, disparity (N, S, S) float16 in pixels, and
captions. The captions are written last, so a shard that has them is whole: rendering can stop
anywhere and go on later.
"""

import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import ConcatDataset, Dataset

from ldm.files import remove_stale, whole_file, write_text
from shapes.world.depth_scenes import render_depth_views
from shapes.world.scenes import render_views

logger = logging.getLogger(__name__)

SHARD_SCENES = 256
RENDER_BATCH = 16


class Shard(Dataset):
    """The first scenes of a shard, memory-mapped: as many as there are captions."""

    def __init__(self, images: np.ndarray, disparity_px: np.ndarray, captions: list[str]) -> None:
        self.images, self.disparity_px, self.captions = images, disparity_px, captions

    def __len__(self) -> int:
        return len(self.captions)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Return image (S, S, 3) uint8 and disparity (S, S) float16 in pixels, near = large."""
        return self.images[index], self.disparity_px[index]


class Pool(ConcatDataset):
    """Rendered scenes of one folder or several, in the order of their seeds."""

    datasets: list[Shard]

    @property
    def captions(self) -> list[str]:
        """Captions of all scenes."""
        return [caption for shard in self.datasets for caption in shard.captions]

    @property
    def size_px(self) -> int:
        """Side of the images."""
        return int(self.datasets[0].images.shape[1])

    def images(self, indices: Sequence[int]) -> Tensor:
        """Return images (B, 3, S, S) in [-1, 1]."""
        return to_network(np.stack([self[i][0] for i in indices]))

    def disparities(self, indices: Sequence[int]) -> Tensor:
        """Return disparities (B, S, S) in pixels."""
        return torch.from_numpy(np.stack([self[i][1] for i in indices])).float()


def render_pool(
    folder: Path,
    count: int,
    *,
    first_seed: int,
    size_px: int,
    device: str = "cpu",
    teaches_depth: bool = False,
) -> None:
    """Render what is missing of `count` scenes (rounded up to whole shards) into `folder`.

    With `teaches_depth` they are those of `shapes.world.depth_scenes`.

    Raises:
        ValueError: the folder is for other scenes.
    """
    folder.mkdir(parents=True, exist_ok=True)
    remove_stale(folder)
    _claim(folder, {"first_seed": first_seed, "size_px": size_px})
    for shard in range(-(-count // SHARD_SCENES)):
        if not _paths(folder, shard)[-1].exists():
            first = first_seed + shard * SHARD_SCENES
            seeds = range(first, first + SHARD_SCENES)
            _render_shard(folder, shard, seeds, size_px, device, teaches_depth)
            logger.info("rendered shard %d of %s", shard, folder)


def open_pool(folder: Path, count: int | None = None) -> Pool:
    """Open the whole shards at the start of `folder`, at most `count` scenes.

    Raises:
        FileNotFoundError: `folder` holds no whole shard.
        ValueError: a file is damaged.
    """
    shards: list[Shard] = []
    room = count
    while (room is None or room > 0) and _paths(folder, len(shards))[-1].exists():
        images, disparity, captions = _paths(folder, len(shards))
        shard = Shard(_map_array(images), _map_array(disparity), _read_json(captions)[:room])
        shards.append(shard)
        room = None if room is None else room - len(shard)
    if not shards:
        raise FileNotFoundError(f"data, folder: {folder} holds no rendered shard")
    return Pool(shards)


def join_pools(pools: Sequence[Pool]) -> Pool:
    """Return one pool of the scenes of several."""
    return Pool([shard for pool in pools for shard in pool.datasets])


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
        image, disparity = pool[index]
        images.append(image[window][:, ::step])
        disparities.append(disparity[window][:, ::step])
    return to_network(np.stack(images)), torch.from_numpy(np.stack(disparities)).float()


def to_network(images: np.ndarray) -> Tensor:
    """Return (B, 3, H, W) float32 in [-1, 1] from (B, H, W, 3) uint8."""
    return torch.from_numpy(np.array(images)).permute(0, 3, 1, 2).float() / 127.5 - 1


def save_array(path: Path, array: np.ndarray) -> None:
    """Write a .npy file that appears whole or not at all."""
    with whole_file(path) as partial:
        np.save(partial, array)


def _claim(folder: Path, scenes: dict[str, int]) -> None:
    """Note in a folder which scenes it is for, or compare with the note that is there."""
    path = folder / "pool.json"
    if not path.is_file():
        write_text(path, json.dumps(scenes) + "\n")
    elif (present := _read_json(path)) != scenes:
        raise ValueError(f"data, folder: {folder} holds scenes of {present}, expected {scenes}")


def _render_shard(
    folder: Path, shard: int, seeds: range, size_px: int, device: str, teaches_depth: bool
) -> None:
    render = render_depth_views if teaches_depth else render_views
    images, disparities, captions = [], [], []
    for start in range(0, len(seeds), RENDER_BATCH):
        views = render(seeds[start : start + RENDER_BATCH], size_px=size_px, device=device)
        pixels = (views.left * 255).round().clamp(0, 255).byte().permute(0, 2, 3, 1)
        images.append(pixels.cpu().numpy())
        disparities.append(views.disparity_left_px.half().cpu().numpy())
        captions += views.captions
    image_path, disparity_path, caption_path = _paths(folder, shard)
    save_array(image_path, np.concatenate(images))
    save_array(disparity_path, np.concatenate(disparities))
    write_text(caption_path, json.dumps(captions))


def _map_array(path: Path) -> np.ndarray:
    try:
        return np.load(path, mmap_mode="r")
    except (ValueError, EOFError) as error:
        raise ValueError(f"data, folder: {path} is damaged; delete it and run again") from error


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"data, folder: {path} is damaged; delete it and run again") from error


def _paths(folder: Path, shard: int) -> tuple[Path, Path, Path]:
    """Return the files of a shard: images, disparities and, written last, captions."""
    endings = ("images.npy", "disparity.npy", "captions.json")
    return tuple(folder / f"{shard:05d}.{ending}" for ending in endings)
