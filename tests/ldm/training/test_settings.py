"""Training configurations: the shipped ones, and what is refused."""

import dataclasses
from pathlib import Path

import pytest

from shapes.training.settings import Settings, parse_settings, read_settings
from shapes.world.scene import HELD_OUT_SEEDS
from tests.ldm.training.tiny import CONFIGS, tiny_pool, tiny_settings, train


def test_part_before_is_named(tmp_path: Path) -> None:
    tiny_pool(tmp_path / "pool")
    with pytest.raises(FileNotFoundError, match="autoencoder.safetensors is not there"):
        train(tiny_settings("diffusion", tmp_path), tmp_path)


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
        ({"stages": [3]}, "stages: got 3, expected keys and values"),
        ({"data": {"first_seed": 1_000_000_000}}, "negative or held out"),
        ({"data": {"first_seed": 999_999_000, "scenes": 1001}}, "negative or held out"),
        ({"data": {"first_seed": -1}}, "negative or held out"),
    ],
)
def test_bad_configuration(change: dict, message: str, tmp_path: Path) -> None:
    settings = read_settings(CONFIGS / "dpt.yaml")
    assert isinstance(settings, Settings)
    with pytest.raises(ValueError, match=message):
        parse_settings({**dataclasses.asdict(settings), **change})


@pytest.mark.parametrize("content", [b"part: [", b"\xff\xfe\x00", b"parts: 3", b"- 1", b"a: ${b}"])
def test_bad_file(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "part.yaml"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="config: .*part.yaml") as caught:
        read_settings(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "part",
    ["autoencoder", "dpt", "dpt-more", "text", "diffusion", "diffusion-more", "depth"],
)
def test_no_part_learns_from_held_out_scenes(part: str) -> None:
    settings = read_settings(CONFIGS / f"{part}.yaml")
    for pool_part in settings.data.parts():
        seeds = range(pool_part.first_seed, pool_part.first_seed + pool_part.scenes)
        assert seeds[0] not in HELD_OUT_SEEDS and seeds[-1] not in HELD_OUT_SEEDS
        assert seeds[-1] < HELD_OUT_SEEDS[0] or seeds[0] > HELD_OUT_SEEDS[-1]


def test_all_parts_are_listed_in_order() -> None:
    found = read_settings(CONFIGS / "all.yaml")
    assert [path.stem for path in found] == [
        "autoencoder",
        "dpt",
        "text",
        "diffusion-128",
        "diffusion",
        "depth",
    ]
