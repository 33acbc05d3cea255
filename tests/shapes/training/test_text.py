"""Training the text encoder to tell what stands where."""

import copy
import dataclasses
from pathlib import Path

import torch

from ldm.schema import build
from shapes.training.columns import COLUMNS, column_numbers
from shapes.training.diffusion import DiffusionTask
from shapes.training.run import train_part
from shapes.training.settings import Settings
from shapes.training.text import TextTask, trim
from shapes.world.materials import COLOURS
from shapes.world.outline import NOTHING, outline
from shapes.world.scene import SHAPES
from shapes.world.seeds import PORTRAIT_SEEDS
from tests.shapes.training.tiny import tiny_pool, tiny_settings


def text_settings(folder: Path, **changes: object) -> Settings:
    """Return the shipped text part with the captions of 512 portraits."""
    return dataclasses.replace(tiny_settings("text", folder), **changes)


def test_numbers_count_from_one_where_something_stands() -> None:
    entry = outline(PORTRAIT_SEEDS[0], columns=COLUMNS)
    colours, shapes = column_numbers([entry])[0].tolist()
    for column, k in enumerate(entry.columns):
        if k == NOTHING:
            assert colours[column] == shapes[column] == 0
        else:
            assert list(COLOURS)[colours[column] - 1] == entry.solids[k].colour
            assert list(SHAPES)[shapes[column] - 1] == entry.solids[k].name


def test_embeddings_of_trimmed_captions_are_the_same(tmp_path: Path) -> None:
    encoder = TextTask(text_settings(tmp_path)).encoder
    tokens = encoder.tokenize(["a red sphere", "a blue box left of a pink card"])
    short = trim(tokens)
    assert short.shape == (2, 10)
    whole = encoder.encode_with_transformer(tokens)[:, :10]
    torch.testing.assert_close(encoder.encode_with_transformer(short), whole)


def test_an_encoder_learns_left_from_right_and_a_denoiser_takes_it(tmp_path: Path) -> None:
    """The wrong relation must fit worse; the file goes into a diffusion model as it is."""
    settings = text_settings(tmp_path)
    settings = dataclasses.replace(
        settings, data=dataclasses.replace(settings.data, portraits=4096)
    )
    task = TextTask(settings)
    pairs = (task.numbers[:, 0].amax(1) > 0) & (task.numbers[:, 0].diff().count_nonzero(1) > 3)
    task.tokens, task.numbers = task.tokens[pairs], task.numbers[pairs]
    optimiser = torch.optim.AdamW(task.parameters(), lr=1e-3)
    generator = torch.Generator().manual_seed(0)
    for _ in range(160):
        optimiser.zero_grad()
        task.loss(settings.stages[0], generator).backward()
        optimiser.step()
    captions = ["a red sphere left of a blue box", "a red sphere right of a blue box"]
    with torch.no_grad():
        logits = task.reader.names.colour(task.reader(task.encoder(captions)))
    red, blue = (list(COLOURS).index(name) + 1 for name in ("red", "blue"))
    left, right = (logits[:, half].mean(1) for half in (slice(0, 4), slice(4, 8)))
    asked = torch.stack([left[:, red] + right[:, blue], left[:, blue] + right[:, red]], 1)
    assert asked[0, 0] > asked[0, 1] and asked[1, 1] > asked[1, 0]

    task.export(tmp_path / "text.safetensors")
    tiny_pool(tmp_path / "pool")
    train_part(
        tiny_settings("autoencoder", tmp_path),
        folder=tmp_path / "autoencoder",
        devices=1,
        resume=False,
    )
    config = copy.deepcopy(dataclasses.asdict(tiny_settings("diffusion", tmp_path)))
    config["start"]["text"] = str(tmp_path / "text.safetensors")
    config["model"]["params"]["cond_stage_config"]["params"]["arch"] = settings.model["params"][
        "arch"
    ]
    model = DiffusionTask(build(Settings, config)).model
    given = model.get_learned_conditioning(captions)
    torch.testing.assert_close(given, task.encoder(captions), atol=2e-2, rtol=1e-2)  # float16
