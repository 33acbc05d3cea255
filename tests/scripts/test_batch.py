"""Many pictures and prompts as a user types them: seeds by name, resuming, sharing, summaries."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ldm.files import file_digest
from stereo.cli.finished import fingerprint
from tests.scripts.conftest import ROOT, Outcome, Workflows

Runner = Callable[..., Outcome]
FOLDER = ("img2stereo.py", "--img_path", "pictures", "--outdir", "out")
# As quick as the embedded model gets, the same on every machine and number of processes.
QUICK = ("--preset", "best", "--steps", "2", "--device", "cpu", "--format", "right")


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Return a folder of three small pictures, each of its own."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for seed, name in enumerate(("ant.png", "bee.png", "cat.png")):
        values = np.random.default_rng(seed).integers(0, 256, (64, 96, 3), dtype=np.uint8)
        Image.fromarray(values).save(folder / name)
    return folder


def seeds(workflows: Workflows) -> list[int]:
    found = [call["sampling"].seed for call in workflows.calls]
    workflows.calls.clear()
    return found


def pixels(folder: str) -> dict[str, np.ndarray]:
    return {path.name: np.asarray(Image.open(path)) for path in Path(folder).glob("*.png")}


@pytest.mark.parametrize("preset", ["original", "paper", "best"])
def test_the_seed_is_the_seed_of_every_picture_and_prompt(
    run_script: Runner, workflows: Workflows, pictures: Path, tmp_path: Path, preset: str
) -> None:
    assert run_script(*FOLDER, "--preset", preset, "--seed", "5").code == 0
    assert seeds(workflows) == [5, 5, 5]
    (tmp_path / "some.txt").write_text("a cat\na dog\n")
    flags = ("--preset", preset, "--n_samples", "2", "--n_iter", "2", "--outdir", "out")
    run_script("txt2stereoimg.py", "--from-file", "some.txt", *flags)
    assert seeds(workflows) == [24, 26, 24, 26]
    run_script("txt2stereoimg.py", "--seed", str(2**32 - 1), "--n_iter", "2", "--outdir", "out")
    assert seeds(workflows) == [2**32 - 1, 0]


def test_folders_and_patterns_of_prompt_files(
    run_script: Runner, workflows: Workflows, pictures: Path, tmp_path: Path
) -> None:
    texts = tmp_path / "texts"
    texts.mkdir()
    (texts / "b.txt").write_text("a dog\n")
    (texts / "a.txt").write_text("a cat\n\n")
    (texts / "notes.md").write_text("not a prompt\n")
    for path in ("texts", "texts/*.txt"):
        assert run_script("txt2stereoimg.py", "--from-file", path, "--outdir", "out").code == 0
        assert [call["prompt"] for call in workflows.calls] == ["a cat", "a dog"]
        workflows.calls.clear()
    flags = ("--from-file", "texts", "--outdir", "out")
    assert run_script("img2stereo.py", "--img_path", "pictures/[ab]*.png", *flags).code == 0
    assert [call["prompt"] for call in workflows.calls] == ["a cat", "a dog"] * 2
    for path in ("texts/*.text", "pictures"):
        done = run_script("txt2stereoimg.py", "--from-file", path)
        assert done.code == 2 and "error: from-file: no " in done.err and path in done.err


def test_one_line_per_file_and_a_summary(
    run_script: Runner, workflows: Workflows, pictures: Path
) -> None:
    (pictures / "bee.png").write_text("not a picture")
    done = run_script(*FOLDER)
    assert done.code == 1
    assert done.out.splitlines() == ["out/ant_00000_LRF.png", "out/cat_00000_LRF.png"]
    skipped, summary = done.err.splitlines()[-2:]
    assert skipped.startswith("skipped bee.png: ")
    assert summary == "3 inputs: 2 made, 1 failed"
    again = run_script(*FOLDER, "--skip-existing")
    assert again.code == 1 and again.out == done.out
    assert again.err.splitlines()[-1] == "3 inputs: 2 there already, 1 failed"


def test_bad_prompt_of_several_is_skipped(
    run_script: Runner, workflows: Workflows, tmp_path: Path
) -> None:
    (tmp_path / "some.txt").write_text("a cat\na dog\n")
    workflows.error, workflows.only_for = ValueError("disparity: is constant"), 1
    done = run_script("txt2stereoimg.py", "--from-file", "some.txt", "--outdir", "out")
    assert done.code == 1 and done.out == "out/00000_LRF.png\n"
    assert "skipped 'a cat': disparity: is constant" in done.err


@pytest.mark.parametrize("flag", ["--skip-existing", "--skip_existing"])
def test_finished_pairs_are_left_out(
    run_script: Runner, workflows: Workflows, pictures: Path, flag: str
) -> None:
    first = run_script(*FOLDER)
    workflows.calls.clear()
    before = {path: path.stat().st_mtime_ns for path in Path("out").iterdir()}
    again = run_script(*FOLDER, flag)
    assert (again.code, again.out, workflows.calls) == (0, first.out, [])
    assert {path: path.stat().st_mtime_ns for path in Path("out").iterdir()} == before
    assert run_script(*FOLDER, "--format", "left", flag).code == 0 and workflows.calls == []
    # Without the option everything is made once more, and nothing overwritten.
    assert run_script(*FOLDER).out.splitlines()[0] == "out/ant_00001_LRF.png"


@pytest.mark.parametrize(
    "changes",
    [
        ("--ddim_steps", "7"),
        ("--seed", "1"),
        ("--scale_factor", "5"),
        ("--preset", "best"),
        ("--inner_steps", "3"),
        ("--prompt", "a cat"),
        ("--precision", "bf16"),
        ("--format", "mpo"),
        ("--eye", "left"),
        ("--mask_window",),
        ("--display_width_cm", "90"),
    ],
)
def test_other_settings_are_made_again(
    run_script: Runner, workflows: Workflows, pictures: Path, changes: tuple[str, ...]
) -> None:
    run_script(*FOLDER, "--skip-existing")
    workflows.calls.clear()
    done = run_script(*FOLDER, *changes, "--skip-existing")
    assert done.code == 0 and len(workflows.calls) == 3
    workflows.calls.clear()
    run_script(*FOLDER, *changes, "--skip-existing")
    assert workflows.calls == []


def test_other_inputs_are_made_again(
    run_script: Runner, workflows: Workflows, pictures: Path, tmp_path: Path
) -> None:
    np.save(tmp_path / "near.npy", np.linspace(0, 1, 64 * 96).reshape(64, 96))
    command = (*FOLDER, "--disparity", "near.npy", "--skip-existing")

    def made() -> list[str]:
        workflows.calls.clear()
        done = run_script(*command)
        assert done.code == 0, done.err
        return [line for line in done.out.splitlines() if "00000" not in line]

    assert made() == [] and len(workflows.calls) == 3
    Image.new("RGB", (96, 64), "red").save(pictures / "bee.png")
    assert made() == ["out/bee_00001_LRF.png"] and len(workflows.calls) == 1
    Path("out/cat_00000_left.png").unlink()
    assert made() == ["out/bee_00001_LRF.png", "out/cat_00001_LRF.png"]
    assert len(workflows.calls) == 1
    np.save(tmp_path / "near.npy", np.linspace(1, 0, 64 * 96).reshape(64, 96))
    assert len(made()) == 3 and len(workflows.calls) == 3


def test_interrupted_run_goes_on(run_script: Runner, workflows: Workflows, pictures: Path) -> None:
    workflows.error, workflows.only_for = KeyboardInterrupt(), 2
    assert run_script(*FOLDER, "--skip-existing").code == 130
    workflows.error = None
    workflows.calls.clear()
    done = run_script(*FOLDER, "--skip-existing")
    assert done.code == 0 and len(workflows.calls) == 2
    assert done.out.splitlines() == [f"out/{name}_00000_LRF.png" for name in ("ant", "bee", "cat")]
    assert done.err.splitlines()[-1] == "3 inputs: 2 made, 1 there already"


def test_foreign_files_among_the_results(
    run_script: Runner, workflows: Workflows, pictures: Path
) -> None:
    Path("out").mkdir()
    for name, text in (("a.json", "[1]"), ("b.json", "{"), ("c.json", '{"fingerprint": 3}')):
        (Path("out") / name).write_text(text)
    assert run_script(*FOLDER, "--skip-existing").code == 0
    assert len(workflows.calls) == 3


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--devices", "0"], "devices: got 0, expected 1 to 1024"),
        (["--devices", "two"], "argument --devices"),
        (["--devices", "2", "--n_rows", "1"], "n_rows: a grid of all pairs"),
    ],
)
def test_bad_numbers_of_devices(
    run_script: Runner, workflows: Workflows, arguments: list[str], named: str
) -> None:
    done = run_script("txt2stereoimg.py", *arguments)
    assert done.code == 2 and named in done.err.splitlines()[-1] and workflows.calls == []


def test_names_and_contents_tell_inputs_apart(tmp_path: Path) -> None:
    assert fingerprint({"a": 1, "b": 2}) == fingerprint({"b": 2, "a": 1}) != fingerprint({"a": 1})
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_bytes(b"x" * 100)
    two.write_bytes(b"x" * 99 + b"y")
    assert file_digest(one) != file_digest(two)


def test_large_files_are_told_apart_by_their_ends(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    for path, last in ((one, b"x"), (two, b"y")):
        with path.open("wb") as file:
            file.truncate(2**26 + 10)
            file.seek(-1, 2)
            file.write(last)
    assert file_digest(one) != file_digest(two)


def test_subset_gives_the_same_files(run_script: Runner, pictures: Path) -> None:
    """On the embedded model: whole folder, folder less one picture, one picture alone."""
    common = ("img2stereo.py", *QUICK, "--img_path")
    assert run_script(*common, "pictures", "--outdir", "whole").code == 0
    whole = pixels("whole")
    assert len(whole) == 3
    (pictures / "ant.png").unlink()
    assert run_script(*common, "pictures", "--outdir", "subset").code == 0
    assert run_script(*common, "pictures/cat.png", "--outdir", "alone").code == 0
    for folder, count in (("subset", 2), ("alone", 1)):
        found = pixels(folder)
        assert len(found) == count
        for name, picture in found.items():
            assert np.array_equal(picture, whole[name]), (folder, name)


def test_photos_of_one_size_are_worked_on_together(
    run_script: Runner, workflows: Workflows, pictures: Path
) -> None:
    Image.new("RGB", (64, 64), "red").save(pictures / "boa.png")
    alone = run_script(*FOLDER, *QUICK)
    expected = seeds(workflows)
    for at_once, sizes in ((2, [1, 1, 2]), (3, [1, 2, 1]), (9, [1, 3])):
        workflows.together.clear()
        outdir = f"out{at_once}"
        done = run_script(*FOLDER, *QUICK, "--photos_at_once", str(at_once), "--outdir", outdir)
        assert sorted(workflows.together) == sorted(sizes)
        assert sorted(seeds(workflows)) == sorted(expected)
        assert sorted(done.out.splitlines()) == sorted(
            alone.out.replace("out/", f"{outdir}/").splitlines()
        )
        assert "4 inputs: 4 made" in done.err
        again = run_script(
            *FOLDER, *QUICK, "--photos_at_once", "4", "--outdir", outdir, "--skip-existing"
        )
        assert "4 inputs: 4 there already" in again.err and not workflows.calls


def test_bad_photo_fails_alone_among_those_worked_on_together(
    run_script: Runner, workflows: Workflows, pictures: Path
) -> None:
    (pictures / "bee.png").write_text("not a picture")
    done = run_script(*FOLDER, *QUICK, "--photos_at_once", "3")
    assert done.code == 1
    assert done.out.splitlines() == ["out/ant_00000_right.png", "out/cat_00000_right.png"]
    assert "skipped bee.png: " in done.err and "3 inputs: 2 made, 1 failed" in done.err


def test_photos_are_worked_on_alone_where_they_fail_together(
    run_script: Runner, workflows: Workflows, pictures: Path
) -> None:
    workflows.error, workflows.only_for = ValueError("disparity is constant"), 2
    done = run_script(*FOLDER, *QUICK, "--photos_at_once", "3")
    assert done.code == 0 and workflows.together == [3, 1, 1, 1]
    assert "3 inputs: 3 made" in done.err and len(done.out.splitlines()) == 3


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        (["--photos_at_once", "2"], "photos_at_once: got 2, expected 1 with null-text inversion"),
        (["--photos_at_once", "0", *QUICK], "photos_at_once: got 0, expected 1 to 100000"),
    ],
)
def test_bad_numbers_of_photos(
    run_script: Runner, workflows: Workflows, pictures: Path, flags: list[str], named: str
) -> None:
    done = run_script(*FOLDER, *flags)
    assert done.code == 2 and named in done.err.splitlines()[-1] and workflows.calls == []


def test_two_processes_make_the_same_files(run_script: Runner, pictures: Path) -> None:
    common = ("--img_path", "pictures", *QUICK)
    assert run_script("img2stereo.py", *common, "--outdir", "one").code == 0
    (pictures / "dog.png").write_text("not a picture")
    command = [sys.executable, str(ROOT / "img2stereo.py"), *common, "--outdir", "two"]
    done = subprocess.run(
        [*command, "--devices", "2"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1, done.stderr
    lines = [line for line in done.stdout.splitlines() if not line.startswith("comfort: ")]
    assert sorted(lines) == [f"two/{name}_00000_right.png" for name in ("ant", "bee", "cat")]
    assert done.stderr.count("skipped dog.png") == 1
    assert done.stderr.count("embedded") == 2  # of two networks, said by one process
    assert "4 inputs: 3 made, 1 failed" in done.stderr
    one, two = pixels("one"), pixels("two")
    assert one.keys() == two.keys()
    for name, picture in one.items():
        # Sums are taken in another order with another number of threads.
        assert np.abs(picture.astype(int) - two[name]).max() <= 1, name
