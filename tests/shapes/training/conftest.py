"""All parts, trained for two steps."""

from pathlib import Path

import pytest

from tests.shapes.training.tiny import tiny_pool, tiny_settings, train


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder in which all parts were trained for two steps."""
    folder = tmp_path_factory.mktemp("training")
    tiny_pool(folder / "pool")
    for part in ("autoencoder", "dpt", "text", "diffusion", "depth"):
        train(tiny_settings(part, folder), folder)
    return folder
