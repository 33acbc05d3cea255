"""Training the depth network: what it looks at."""

import dataclasses
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from shapes.training import pool
from shapes.training.depth_network import DepthNetworkTask
from shapes.training.settings import DataSettings, read_settings
from shapes.world.depth_scenes import render_depth_views
from tests.shapes.training.tiny import CONFIGS, SIZE_PX, tiny_pool, tiny_settings, train


def test_all_kinds_of_scenes_are_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "SHARD_SCENES", 6)
    for folder in ("pool", "pool-calm", "pool-portraits", "pool-depth"):
        tiny_pool(tmp_path / folder)
    settings = tiny_settings("dpt", tmp_path)
    data = DataSettings(
        folder=str(tmp_path / "pool"),
        scenes=6,
        calm_scenes=6,
        portraits=6,
        depth_scenes=6,
        size_px=SIZE_PX,
    )
    task = DepthNetworkTask(dataclasses.replace(settings, data=data))
    assert len(task.pool) == 24


def test_training_goes_on_from_a_file(tmp_path: Path) -> None:
    tiny_pool(tmp_path / "pool")
    first = tiny_settings("dpt", tmp_path)
    train(first, tmp_path)
    kept = DepthNetworkTask(dataclasses.replace(first, start={"dpt": first.weights})).network
    fresh = DepthNetworkTask(first).network
    name = "pretrained.model.blocks.0.attn.qkv.weight"
    stored = load_file(first.weights)[name].float()
    assert torch.equal(kept.state_dict()[name], stored)
    assert not torch.equal(fresh.state_dict()[name], stored)


def test_scenes_that_teach_depth_are_rendered_where_they_are_missing(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(pool, "SHARD_SCENES", 2)
    pool.render_pool(tmp_path, 2, first_seed=7, size_px=SIZE_PX, teaches_depth=True)
    found = pool.open_pool(tmp_path)
    expected = render_depth_views([7, 8], size_px=SIZE_PX)
    assert torch.allclose(found.images([0, 1]) / 2 + 0.5, expected.left, atol=1 / 255)
    assert torch.allclose(found.disparities([0, 1]), expected.disparity_left_px, rtol=1e-3)
    assert [p.teaches_depth for p in read_settings(CONFIGS / "dpt-photos.yaml").data.pools()][-1]
