"""The second thing that a denoiser learns: to name what stands in each column."""

import copy
import dataclasses
import math
from pathlib import Path

import pytest
import torch

from ldm.schema import build
from shapes.training import columns
from shapes.training.columns import COLUMNS, DenoiserReader
from shapes.training.diffusion import DiffusionTask
from shapes.training.settings import Settings
from shapes.world.outline import outline
from tests.shapes.training.tiny import tiny_settings

SEEDS = range(3)


def test_a_guess_of_the_column_costs_the_logarithm_of_their_number() -> None:
    assert columns.place_loss(torch.zeros(2, COLUMNS, COLUMNS)).item() == pytest.approx(
        math.log(COLUMNS)
    )
    certain = 50 * torch.eye(COLUMNS).expand(2, -1, -1)
    assert columns.place_loss(certain).item() < 1e-6
    assert columns.place_loss(certain.flip(1)).item() > 10


def test_names_cost_nothing_once_they_are_certain() -> None:
    wanted = columns.column_numbers([outline(seed, columns=COLUMNS) for seed in SEEDS])
    names = columns.ColumnNames(100)
    with torch.no_grad():
        for layer, first in ((names.colour, 0), (names.shape, 50)):
            layer.bias.zero_()
            layer.weight.zero_()
            layer.weight[:, first : first + layer.out_features].fill_diagonal_(50.0)
    features = torch.zeros(len(SEEDS), COLUMNS, 100)
    features.scatter_(2, (wanted + torch.tensor([0, 50])[:, None]).mT, 1.0)
    assert names.loss(features, wanted) < 1e-6
    assert names.loss(features.flip(1), wanted) > 1


def test_a_reader_hears_the_training_passes_alone_and_teaches_the_denoiser(trained: Path) -> None:
    model = DiffusionTask(tiny_settings("diffusion", trained)).model
    unet = model.model.diffusion_model
    reader = DenoiserReader(unet)
    noise, t = torch.randn(2, 4, 8, 8), torch.tensor([900, 990])
    prompts = model.get_learned_conditioning(["a red sphere", "a blue box left of a red cone"])
    with torch.no_grad():
        model.apply_model(noise, t, prompts)
    assert not reader.features
    model.apply_model(noise, t, prompts)
    assert len(reader.features) == len(reader.names) > 0
    wanted = columns.column_numbers([outline(seed, columns=COLUMNS) for seed in (0, 1)])
    reader.loss(wanted).backward()
    assert not reader.features
    grad = unet.middle_block[1].proj_out.weight.grad  # what a transformer adds begins at zero
    assert grad is not None and grad.abs().sum() > 0


def test_naming_is_added_as_told_and_not_written_down(trained: Path, tmp_path: Path) -> None:
    config = copy.deepcopy(dataclasses.asdict(tiny_settings("diffusion", trained)))
    config["loss"] = {"columns": 0.0}
    plain = DiffusionTask(build(Settings, config))
    config["loss"] = {"columns": 0.5}
    both = DiffusionTask(build(Settings, config))
    both.load_state_dict(plain.state_dict(), strict=False)
    stage = plain.settings.stages[0]
    error, total = (task.loss(stage, torch.Generator().manual_seed(4)) for task in (plain, both))
    index = both.chances.multinomial(
        stage.batch, replacement=True, generator=torch.Generator().manual_seed(4)
    )
    assert total > error
    both.reader.loss = lambda wanted: wanted.float().sum()  # type: ignore[method-assign]
    total = both.loss(stage, torch.Generator().manual_seed(4))
    torch.testing.assert_close(total - error, 0.5 * both.columns[index].sum())
    paths = [tmp_path / f"{name}.safetensors" for name in ("plain", "both")]
    for task, path in zip((plain, both), paths, strict=True):
        task.export(path)
    assert paths[0].stat().st_size == paths[1].stat().st_size
