"""Training the autoencoder: its start, and the noise that it learns to bear."""

import torch

from ldm.util import instantiate_from_config
from shapes.training.autoencoder import add_noise
from shapes.training.plain_start import start_plainly
from shapes.training.settings import read_settings
from tests.shapes.training.tiny import CONFIGS


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
    model = instantiate_from_config(settings.model)
    start_plainly(model)
    image = torch.zeros(1, 3, 32, 32)
    image[:, 0, :16], image[:, 2, 16:] = 1.0, 1.0  # red above blue
    with torch.no_grad():
        top, bottom = model.decode(model.encode(image).mode())[0].split(16, dim=1)
    assert top.mean((1, 2)).argmax() == 0
    assert bottom.mean((1, 2)).argmax() == 2
