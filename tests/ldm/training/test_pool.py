"""Pools of rendered scenes: drawn by the generator alone, joined in order, for one request."""

from pathlib import Path

import numpy as np
import pytest
import torch

from shapes.training import pool
from tests.ldm.training.tiny import tiny_pool


def test_crops_are_a_function_of_the_generator(tmp_path: Path) -> None:
    tiny_pool(tmp_path / "pool")
    scenes = pool.open_pool(tmp_path / "pool")
    first, second = (
        pool.draw_crops(scenes, 4, size_px=16, generator=torch.Generator().manual_seed(3))
        for _ in range(2)
    )
    assert torch.equal(first[0], second[0]) and torch.equal(first[1], second[1])
    assert first[0].shape == (4, 3, 16, 16) and first[1].shape == (4, 16, 16)
    assert -1 <= first[0].min() < 0 < first[0].max() <= 1


def test_joined_pools_keep_their_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "SHARD_SCENES", 6)
    tiny_pool(tmp_path / "pool")
    part = pool.open_pool(tmp_path / "pool")
    joined = pool.join_pools([part, part])
    last = len(part)
    assert len(joined) == 2 * last
    assert np.array_equal(joined.image(last), part.image(0))
    assert np.array_equal(joined.disparity_px(last + 1), part.disparity_px(1))
    assert joined.captions[last:] == part.captions


def test_pools_that_end_within_a_shard_cannot_be_followed(tmp_path: Path) -> None:
    """Pictures are found by whole shards: the next pool's would be another scene's."""
    tiny_pool(tmp_path / "pool")
    part = pool.open_pool(tmp_path / "pool")
    assert len(part) % pool.SHARD_SCENES
    with pytest.raises(ValueError, match=f"scenes: got {len(part)}, expected a multiple of 256"):
        pool.join_pools([part, part])
    assert len(pool.join_pools([part])) == len(part)


def test_empty_pool_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="holds no rendered shard"):
        pool.open_pool(tmp_path)


def test_a_folder_is_for_the_scenes_of_one_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "SHARD_SCENES", 1)
    pool.render_pool(tmp_path / "pool", 1, first_seed=5, size_px=64)
    pool.render_pool(tmp_path / "pool", 1, first_seed=5, size_px=64)
    for other in ({"first_seed": 6, "size_px": 64}, {"first_seed": 5, "size_px": 128}):
        with pytest.raises(ValueError, match="holds scenes of .*'first_seed': 5"):
            pool.render_pool(tmp_path / "pool", 1, **other)
