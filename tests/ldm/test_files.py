"""Files that appear whole or not at all."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ldm.files import is_partial, publish, remove_stale, staging_folder, whole_file, write_text

ROOT = Path(__file__).parents[2]
STOP_WHILE_WRITING = """
import sys, time
from pathlib import Path
from ldm.files import whole_file
with whole_file(Path(sys.argv[1])) as partial:
    partial.write_text("half")
    print("writing", flush=True)
    time.sleep(60)
"""


def begin_writing(path):
    process = subprocess.Popen(
        [sys.executable, "-c", STOP_WHILE_WRITING, str(path)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "writing\n"
    return process


def kill(process):
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()


def leftovers(folder):
    return [path for path in folder.iterdir() if is_partial(path)]


def test_a_written_file_is_whole_and_nothing_else_is_left(tmp_path):
    path = tmp_path / "new" / "report.txt"
    write_text(path, "first")
    write_text(path, "second")
    assert path.read_text() == "second"
    assert list(path.parent.iterdir()) == [path]


def test_after_an_error_the_old_file_stays(tmp_path):
    path = tmp_path / "report.txt"
    write_text(path, "old")
    with pytest.raises(RuntimeError), whole_file(path) as partial:
        partial.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_written_file_has_the_rights_of_any_other(tmp_path):
    ordinary = tmp_path / "ordinary"
    ordinary.touch()
    with whole_file(tmp_path / "ours") as partial:
        partial.unlink()
        partial.touch(mode=0o600)
    assert (tmp_path / "ours").stat().st_mode == ordinary.stat().st_mode


def test_a_name_as_long_as_the_file_system_allows_is_written(tmp_path):
    path = tmp_path / ("x" * 255)
    write_text(path, "text")
    assert path.read_text() == "text"


def test_data_and_name_reach_the_disk_in_that_order(tmp_path, monkeypatch):
    events, sync, replace = [], os.fsync, os.replace

    def noting_sync(descriptor):
        events.append(Path(os.readlink(f"/proc/self/fd/{descriptor}")).name)
        sync(descriptor)

    def noting_replace(source, target):
        events.append("rename")
        replace(source, target)

    monkeypatch.setattr(os, "fsync", noting_sync)
    monkeypatch.setattr(os, "replace", noting_replace)
    write_text(tmp_path / "report.txt", "text")
    assert events == ["report.txt", "rename", tmp_path.name]


def test_leftovers_of_a_killed_process_go_and_work_in_progress_stays(tmp_path):
    killed, running = begin_writing(tmp_path / "a.txt"), begin_writing(tmp_path / "b.txt")
    try:
        assert len(leftovers(tmp_path)) == 2
        remove_stale(tmp_path)
        assert len(leftovers(tmp_path)) == 2
        kill(killed)
        remove_stale(tmp_path)
        assert [path.name.split(".")[1] for path in leftovers(tmp_path)] == ["b"]
    finally:
        kill(running)
    remove_stale(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_leftovers_under_the_old_names_go(tmp_path):
    folder = tmp_path / "views" / "original"
    folder.mkdir(parents=True)
    (folder / ".scene.png.4711.partial").touch()
    (folder / ".a_00000.partial").mkdir()
    (folder / ".a_00000.partial" / "a_00000.png").touch()
    (folder / "scene.partial").touch()
    (folder / ".hidden").touch()
    remove_stale(tmp_path)
    assert len(leftovers(folder)) == 2
    remove_stale(tmp_path, recursive=True)
    assert sorted(path.name for path in folder.iterdir()) == [".hidden", "scene.partial"]


def test_two_writers_of_one_file_do_not_disturb_each_other(tmp_path):
    path = tmp_path / "report.txt"
    with whole_file(path) as first, whole_file(path) as second:
        first.write_text("first")
        second.write_text("second")
        assert first != second
    assert path.read_text() == "first"
    assert list(tmp_path.iterdir()) == [path]


def test_files_of_a_set_are_moved_one_by_one(tmp_path):
    with staging_folder(tmp_path, "pair") as folder:
        for name in ("left.png", "pair.json"):
            (folder / name).write_text(name)
            publish(folder / name, tmp_path / name)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["left.png", "pair.json"]
