"""Training the autoencoder: its start, its decoder alone, the noise that it learns to bear."""

import dataclasses
from pathlib import Path

import torch

from ldm.util import instantiate_from_config
from shapes.training.autoencoder import AutoencoderTask, add_noise, start_plainly
from shapes.training.settings import Settings, read_settings
from tests.ldm.training.tiny import CONFIGS, tiny_pool, tiny_settings


def test_a_given_autoencoder_keeps_its_latents(tmp_path: Path) -> None:
    tiny_pool(tmp_path / "pool")
    settings = tiny_settings("autoencoder", tmp_path)
    first = AutoencoderTask(settings)
    path = tmp_path / "given.safetensors"
    first.export(path)
    again = AutoencoderTask(dataclasses.replace(settings, start={"autoencoder": str(path)}))
    again.loss(settings.stages[0], torch.Generator().manual_seed(0)).backward()
    touched = {name for name, value in again.network.named_parameters() if value.grad is not None}
    assert touched and all(n.startswith(("decoder.", "post_quant_conv.")) for n in touched)
    image = torch.rand(1, 3, 32, 32)
    kept, given = (task.network.encode(image).mode() for task in (again, first))
    torch.testing.assert_close(kept, given, atol=5e-3, rtol=5e-3)  # files hold float16


def test_noise_is_at_most_so_many_deviations() -> None:
    latents = 3 * torch.randn(8, 4, 64, 64, generator=torch.Generator().manual_seed(1))
    generator = torch.Generator().manual_seed(2)
    added = add_noise(latents, most=0.5, generator=generator) - latents
    levels = added.std((1, 2, 3)) / latents.std()
    assert levels.max() < 0.51 and levels.unique().numel() == 8
    assert torch.equal(add_noise(latents, most=0.0, generator=generator), latents)


def test_new_autoencoder_already_shows_colours() -> None:
    """Without its plain start, training loses all colours for a thousand steps."""
    settings = read_settings(CONFIGS / "autoencoder.yaml")
    assert isinstance(settings, Settings)
    model = instantiate_from_config(settings.model)
    start_plainly(model)
    image = torch.zeros(1, 3, 32, 32)
    image[:, 0, :16], image[:, 2, 16:] = 1.0, 1.0  # red above blue
    with torch.no_grad():
        top, bottom = model.decode(model.encode(image).mode())[0].split(16, dim=1)
    assert top.mean((1, 2)).argmax() == 0
    assert bottom.mean((1, 2)).argmax() == 2
