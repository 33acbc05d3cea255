"""Training the depth network: what it goes on from, and what it looks at."""

import dataclasses
from pathlib import Path

import pytest
import torch

from shapes.training import pool
from shapes.training.depth_network import DepthNetworkTask
from shapes.training.settings import DataSettings
from tests.ldm.training.tiny import SIZE_PX, tiny_pool, tiny_settings


def test_a_given_network_is_gone_on_from(tmp_path: Path) -> None:
    tiny_pool(tmp_path / "pool")
    settings = tiny_settings("dpt", tmp_path)
    first = DepthNetworkTask(settings)
    path = tmp_path / "given.safetensors"
    first.export(path)
    again = DepthNetworkTask(dataclasses.replace(settings, start={"dpt": str(path)}))
    image = torch.rand(1, 3, SIZE_PX, SIZE_PX)
    with torch.no_grad():
        kept, given = (task.network.eval()(image) for task in (again, first))
    torch.testing.assert_close(kept, given, atol=5e-3, rtol=5e-3)  # files hold float16


def test_all_kinds_of_scenes_are_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "SHARD_SCENES", 6)
    for folder in ("pool", "pool-calm", "pool-portraits"):
        tiny_pool(tmp_path / folder)
    settings = tiny_settings("dpt", tmp_path)
    data = DataSettings(
        folder=str(tmp_path / "pool"), scenes=6, calm_scenes=6, portraits=6, size_px=SIZE_PX
    )
    task = DepthNetworkTask(dataclasses.replace(settings, data=data))
    assert len(task.pool) == 18
