"""Saving pairs: names and numbers, settings beside them, all or nothing, grids."""

import json
import os
import resource
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stereo.formats import DEFAULT_FORMATS, FORMATS, read_settings, save_grid, save_pair
from stereo.formats.saving import check_settings, remove_half_sets
from tests.stereo.formats.pairs import (
    SETTINGS,
    noise_pair,
)

ROOT = Path(__file__).resolve().parents[3]


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


def test_processes_that_save_at_once_get_numbers_of_their_own(tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        jobs = [pool.submit(save_pair, noise_pair(seed=k), tmp_path) for k in range(12)]
    names = {job.result()[-1].name for job in jobs}
    assert names == {f"{k:05d}.json" for k in range(12)}
    assert not list(tmp_path.glob(".*"))


KILLED = """
import os, signal, sys
from stereo.formats import save_grid, save_pair
from tests.stereo.formats.pairs import noise_pair

call, at, folder = sys.argv[1], int(sys.argv[2]), sys.argv[3]
done = getattr(os, call)

def killing(*arguments, **named):
    global at
    at -= 1
    if at == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return done(*arguments, **named)

setattr(os, call, killing)
save_pair(noise_pair(), folder, prefix="a_")
save_grid([noise_pair()], folder, rows=1)
"""


@pytest.mark.parametrize(
    ("call", "at"),
    [*(("fsync", k) for k in (1, 4, 6, 7)), *(("replace", k) for k in range(1, 8)), ("rmdir", 1)],
)
def test_a_killed_process_leaves_nothing_that_the_next_one_keeps(
    tmp_path: Path, call: str, at: int
) -> None:
    """The set is whole or gone, its number is used again, and the files are the same ones."""
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    save_pair(noise_pair(), whole, prefix="a_")
    command = [sys.executable, "-c", KILLED, call, str(at), str(killed)]
    assert subprocess.run(command, cwd=ROOT).returncode == -signal.SIGKILL
    finished = (killed / "a_00000.json").exists()
    if call == "replace" and 1 < at < 7:
        assert len(list(killed.glob("a_*"))) == at - 1
    remove_half_sets(killed)
    for path in killed.glob("grid_*"):
        path.unlink()
    if not finished:
        assert list(killed.iterdir()) == []
        save_pair(noise_pair(), killed, prefix="a_")
    found = {path.name: path.read_bytes() for path in killed.iterdir()}
    assert found == {path.name: path.read_bytes() for path in whole.iterdir()}


def test_sets_that_are_being_written_are_left_alone(tmp_path: Path) -> None:
    """The lock tells a live process from a dead one."""
    code = (
        "import fcntl, os, sys, time\n"
        "fcntl.flock(os.open(sys.argv[1], os.O_RDONLY), fcntl.LOCK_EX)\n"
        "print('locked', flush=True)\n"
        "time.sleep(1)\n"
        "os.rmdir(sys.argv[1] + '/.a_00000.partial')\n"
        "open(sys.argv[1] + '/a_00000.json', 'w').close()\n"
    )
    (tmp_path / ".a_00000.partial").mkdir()
    command = [sys.executable, "-c", code, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "locked\n"
        assert save_pair(noise_pair(), tmp_path, prefix="a_")[-1].name == "a_00001.json"


def test_long_names_are_shortened(tmp_path: Path) -> None:
    for letter in ("x", "ä", "猫"):
        paths = save_pair(noise_pair(), tmp_path, prefix=letter * 240 + "_", formats=list(FORMATS))
        assert all(path.is_file() and path.name.startswith(letter * 60) for path in paths)
        assert paths[-1].stem.endswith("_00000")


def test_names_that_are_no_text_come_back(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9.png")
    pair = replace(noise_pair(), settings={"img_path": name})
    for path in save_pair(pair, tmp_path, prefix=os.fsdecode(b"caf\xe9_"), formats=["sbs", "mpo"]):
        assert read_settings(path)["img_path"] == name


def test_settings_that_a_format_cannot_hold_are_refused_before_the_work() -> None:
    check_settings(list(FORMATS), {"prompt": "x" * 10_000})
    for name in ("mpo", "jps"):
        with pytest.raises(ValueError, match=f"format: {name} cannot hold"):
            check_settings([name], {"prompt": "x" * 70_000})


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
