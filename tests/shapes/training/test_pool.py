"""Pools of rendered scenes: drawn by the generator alone, joined in order, for one request."""

from pathlib import Path

import pytest
import torch

from shapes.training import pool
from tests.shapes.training.tiny import tiny_pool


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
    """The first one ends within a shard."""
    monkeypatch.setattr(pool, "SHARD_SCENES", 6)
    tiny_pool(tmp_path / "pool")
    part, whole = (pool.open_pool(tmp_path / "pool", count) for count in (4, None))
    joined = pool.join_pools([part, whole])
    last = len(part)
    assert len(joined) == last + 6
    assert torch.equal(joined.images([last, 1]), whole.images([0, 1]))
    assert torch.equal(joined.disparities([last + 1, 3]), whole.disparities([1, 3]))
    assert joined.captions == [*part.captions, *whole.captions]


@pytest.mark.parametrize("ending", ["images.npy", "disparity.npy", "captions.json"])
@pytest.mark.parametrize("content", [b"", b"text", b"\x93NUMPY"])
def test_a_damaged_shard_is_named(tmp_path: Path, ending: str, content: bytes) -> None:
    tiny_pool(tmp_path / "pool")
    path = tmp_path / "pool" / f"00000.{ending}"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f"{path.name} is damaged"):
        pool.open_pool(tmp_path / "pool")


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
