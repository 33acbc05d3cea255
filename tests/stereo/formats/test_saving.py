"""Saving pairs: names and numbers, settings beside them, all or nothing, grids."""

import json
import resource
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stereo.formats import DEFAULT_FORMATS, FORMATS, save_grid, save_pair
from tests.stereo.formats.pairs import (
    SETTINGS,
    noise_pair,
)


def test_names_and_numbers(tmp_path: Path) -> None:
    first = save_pair(noise_pair(), tmp_path)
    assert [path.name for path in first] == [
        "00000_LRF.png",
        "00000_left.png",
        "00000_right.png",
        "00000_disparity.png",
        "00000_anaglyph.png",
        "00000.json",
    ]
    assert tuple(FORMATS[name].ending for name in DEFAULT_FORMATS) == tuple(
        path.name.removeprefix("00000") for path in first[:-1]
    )
    before = {path: path.read_bytes() for path in first}
    (tmp_path / "00007_note.txt").touch()
    assert save_pair(noise_pair(seed=1), tmp_path)[0].name == "00008_LRF.png"
    assert save_pair(noise_pair(), tmp_path, prefix="cat_")[0].name == "cat_00000_LRF.png"
    assert save_pair(noise_pair(), tmp_path, prefix="cat_")[0].name == "cat_00001_LRF.png"
    assert {path: path.read_bytes() for path in first} == before


def test_a_stem_that_another_process_is_writing_is_left_to_it(tmp_path: Path) -> None:
    (tmp_path / ".00000.partial").mkdir()
    assert save_pair(noise_pair(), tmp_path)[0].name == "00001_LRF.png"


def test_sidecar_is_readable_json(tmp_path: Path) -> None:
    pair = replace(
        noise_pair(), settings={**SETTINGS, "file": Path("a/b.png"), "x": np.float32(0.5)}
    )
    text = save_pair(pair, tmp_path)[-1].read_text(encoding="utf-8")
    assert json.loads(text) == {**SETTINGS, "file": "a/b.png", "x": 0.5} and "猫" in text


def test_unknown_format_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="'sbsx', expected one of sbs"):
        save_pair(noise_pair(), tmp_path / "new", formats=["sbs", "sbsx"])
    assert not (tmp_path / "new").exists()


def test_full_disk_leaves_nothing_behind(tmp_path: Path) -> None:
    save_pair(noise_pair(), tmp_path)
    before = sorted(tmp_path.iterdir())
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, hard))
    try:
        with pytest.raises(OSError):
            save_pair(noise_pair(64, 64), tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert sorted(tmp_path.iterdir()) == before


def test_interruption_while_moving_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import os

    moved = []
    real = os.replace

    def replace_twice(source: Path, target: Path) -> None:
        if len(moved) == 2:
            raise KeyboardInterrupt
        moved.append(target)
        real(source, target)

    monkeypatch.setattr("stereo.formats.saving.os.replace", replace_twice)
    with pytest.raises(KeyboardInterrupt):
        save_pair(noise_pair(), tmp_path)
    assert len(moved) == 2 and list(tmp_path.iterdir()) == []


def test_grid_takes_pairs_of_several_sizes(tmp_path: Path) -> None:
    small, wide = noise_pair(), noise_pair(seed=1)
    small = replace(small, left=small.left[:10], right=small.right[:10])
    picture = np.asarray(Image.open(save_grid([small, wide], tmp_path, rows=2)))
    assert picture.shape == (32, 64, 3)
    np.testing.assert_array_equal(picture[3:13, :32], small.left)
    assert not picture[:3].any() and not picture[13:16].any()


def test_grid_holds_every_pair_row_by_row(tmp_path: Path) -> None:
    pairs = [noise_pair(seed=seed) for seed in range(3)]
    path = save_grid(pairs, tmp_path, rows=2)
    picture = np.asarray(Image.open(path))
    assert path.name == "grid_00000.png" and picture.shape == (32, 128, 3)
    np.testing.assert_array_equal(picture[:16, 64:96], pairs[1].left)
    np.testing.assert_array_equal(picture[16:, 32:64], pairs[2].right)
    assert not picture[16:, 64:].any()
