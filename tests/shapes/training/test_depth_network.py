"""Training the depth network: what it looks at."""

import dataclasses
from pathlib import Path

import pytest

from shapes.training import pool
from shapes.training.depth_network import DepthNetworkTask
from shapes.training.settings import DataSettings
from tests.shapes.training.tiny import SIZE_PX, tiny_pool, tiny_settings


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
