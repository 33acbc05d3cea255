"""Training configurations: the shipped ones, and what is refused."""

import dataclasses
from pathlib import Path

import pytest

from ldm.schema import build
from shapes.training.settings import Settings, list_parts, read_settings
from shapes.world.seeds import HELD_OUT_SEEDS
from tests.shapes.training.tiny import CONFIGS, tiny_pool, tiny_settings, train


def test_part_before_is_named(tmp_path: Path) -> None:
    tiny_pool(tmp_path / "pool")
    with pytest.raises(FileNotFoundError, match="autoencoder.safetensors is not there"):
        train(tiny_settings("diffusion", tmp_path), tmp_path)


STAGE = {"start": 0.0, "size_px": 64, "batch": 2}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"part": "sound"}, "part: got 'sound'"),
        ({"stages": []}, "stages"),
        ({"optimiser": {"speed": 1}}, "unknown key 'speed'"),
        ({"colour": 1}, "unknown key 'colour'"),
        ({"limits": 3}, "limits: got 3, expected keys and values"),
        ({"limits": {"max_minutes": "ten"}}, "limits, max_minutes: got 'ten'"),
        ({"limits": {"max_minutes": 0}}, "limits, max_minutes: got 0"),
        ({"stages": 3}, "stages: got 3, expected a list"),
        ({"stages": [3]}, r"stages\[0\]: got 3, expected keys and values"),
        ({"stages": [STAGE | {"batch": "many"}]}, r"stages\[0\], batch: got 'many', expected a wh"),
        ({"stages": [STAGE | {"batch": -4}]}, r"stages\[0\], batch: got -4, expected a whole"),
        ({"stages": [STAGE | {"size_px": 48}]}, r"stages\[0\], size_px: got 48, expected a mul"),
        ({"stages": [STAGE | {"size_px": 512}]}, r"stages\[0\], size_px: got 512, expected a mu"),
        ({"stages": [STAGE, STAGE | {"start": 2}]}, r"stages\[1\], start: got 2, expected a n"),
        ({"stages": [STAGE | {"start": 0.5}]}, "the first with start 0"),
        ({"optimiser": {"learning_rate": "fast"}}, "optimiser, learning_rate: got 'fast'"),
        ({"optimiser": {"learning_rate": float("nan")}}, "optimiser, learning_rate: got nan"),
        ({"optimiser": {"ema_decay": 1.5}}, "optimiser, ema_decay: got 1.5"),
        ({"seed": "abc"}, "seed: got 'abc', expected a whole number"),
        ({"seed": -1}, "seed: got -1, expected a whole number from 0"),
        ({"loss": {"gradient_weight": "heavy"}}, "loss: got {'gradient_weight': 'heavy'}"),
        ({"loss": {"gradient_weight": -1}}, "loss, gradient_weight: got -1"),
        ({"loss": {"columns": 1}}, "loss: unknown key 'columns'"),
        ({"start": {"text": "there.safetensors"}}, "start: got .'text'"),
        ({"weights": "weights.ckpt"}, "weights: got 'weights.ckpt'"),
        ({"model": 3}, "model: got 3, expected keys and values"),
        ({"data": {"scenes": 0}}, "data: got no scenes"),
        ({"data": {"first_seed": 1_000_000_000}}, "negative or held out"),
        ({"data": {"first_seed": 999_999_000, "scenes": 1001}}, "negative or held out"),
        ({"data": {"first_seed": -1}}, "negative or held out"),
    ],
)
def test_bad_configuration(change: dict, message: str, tmp_path: Path) -> None:
    settings = read_settings(CONFIGS / "dpt.yaml")
    with pytest.raises(ValueError, match=message):
        build(Settings, {**dataclasses.asdict(settings), **change})


@pytest.mark.parametrize(
    "content",
    [
        b"part: [",
        b"\xff\xfe\x00",
        b"parts: 3",
        b"parts: []",
        b"parts: [3]",
        b"- 1",
        b"a: ${b}",
        b"a: " + b"[" * 900 + b"]" * 900,
    ],
)
def test_bad_file(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "part.yaml"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="config: .*part.yaml") as caught:
        list_parts(path)
        read_settings(path)
    assert "\n" not in str(caught.value)


def test_a_list_of_parts_is_no_part(tmp_path: Path) -> None:
    path = tmp_path / "all.yaml"
    path.write_text("parts: [all]")
    assert list_parts(path) == [path]
    with pytest.raises(ValueError, match="all.yaml lists parts, expected"):
        read_settings(path)


def test_limits_of_the_command_line_replace_those_of_the_file() -> None:
    path = CONFIGS / "dpt.yaml"
    limits = read_settings(path, {"max_steps": 7, "max_minutes": None}).limits
    assert limits == dataclasses.replace(read_settings(path).limits, max_steps=7)
    with pytest.raises(ValueError, match="dpt.yaml, limits, max_minutes: got -3.0"):
        read_settings(path, {"max_minutes": -3.0})


@pytest.mark.parametrize("part", ["autoencoder", "dpt", "text", "diffusion", "depth"])
def test_no_part_learns_from_held_out_scenes(part: str) -> None:
    settings = read_settings(CONFIGS / f"{part}.yaml")
    for pool_part in settings.data.pools():
        seeds = range(pool_part.first_seed, pool_part.first_seed + pool_part.scenes)
        assert seeds[0] not in HELD_OUT_SEEDS and seeds[-1] not in HELD_OUT_SEEDS
        assert seeds[-1] < HELD_OUT_SEEDS[0] or seeds[0] > HELD_OUT_SEEDS[-1]


def test_all_parts_are_listed_in_order() -> None:
    paths = list_parts(CONFIGS / "all.yaml")
    assert [path.stem for path in paths] == ["autoencoder", "dpt", "text", "diffusion", "depth"]
