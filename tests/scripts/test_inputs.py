"""Files and texts as people and attackers have them: usable, or one line before the work."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.scripts.conftest import Outcome, Workflows

Runner = Callable[..., Outcome]
T2SI, I2SI = "txt2stereoimg.py", "img2stereo.py"


def assert_refused(done: Outcome, workflows: Workflows, named: str) -> None:
    assert done.code == 2 and done.out == "" and workflows.calls == []
    *_, last = done.err.splitlines()
    assert last.startswith(("txt2stereoimg.py: error: ", "img2stereo.py: error: ")), done.err
    assert named in last and "Traceback" not in done.err
    assert not Path("outputs").exists() and not Path("out").exists()


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--config", "nowhere.yaml"], "config: there is no file nowhere.yaml"),
        (["--max_disparity_px", "nan"], "max_disparity_px: got nan, expected 0 or more"),
        (["--n_rows", "1000000000"], "n_rows: got 1000000000, expected at most the 1 pairs"),
        (["--prompt", "x" * 70_000, "--format", "mpo"], "format: mpo cannot hold prompts"),
        (["--prompt", "x" * 70_000, "--format", "jps"], "format: jps cannot hold prompts"),
        (["--from-file", "/dev/zero"], "from-file: no such file"),
        (["--from-file", "pipe"], "from-file: no such file"),
        (["--from-file", "long.txt"], "from-file: long.txt has more than 16 MiB"),
        (["--prompt", os.fsdecode(b"caf\xe9")], r"prompt: got 'caf\udce9', expected UTF-8 text"),
        (["--map", "depth"], "argument --map: says what --disparity MAP holds"),
        (["--n_iter", "2000000000"], "argument --n_iter: got 2000000000, expected 1 to 100000"),
        (["--map", "far-bright", "--depth"], "argument --depth: not with --map far-bright"),
        (["--disparity", "embedded"], "disparity: got embedded, expected a file"),
    ],
)
def test_refused_before_the_work(
    run_script: Runner, workflows: Workflows, arguments: list[str], named: str
) -> None:
    os.mkfifo("pipe")
    with open("long.txt", "wb") as file:
        file.truncate(17 * 2**20)
    assert_refused(run_script(T2SI, *arguments), workflows, named)


def test_many_batches_start_at_once(run_script: Runner, workflows: Workflows) -> None:
    workflows.error, workflows.only_for = KeyboardInterrupt(), 3
    done = run_script(T2SI, "--n_iter", "100000", "--outdir", "out", "--format", "left")
    assert done.code == 130 and len(done.out.splitlines()) == 2


def test_a_name_as_long_as_file_systems_allow(
    run_script: Runner, workflows: Workflows, picture: Path
) -> None:
    folder = Path("pictures")
    folder.mkdir()
    for name in ("x" * 245, "a", "猫" * 80):
        (folder / f"{name}.png").write_bytes(picture.read_bytes())
    done = run_script(I2SI, "--img_path", folder, "--outdir", "out", "--viewer")
    assert done.code == 0, done.err
    assert len(done.out.splitlines()) == 3 and "3 inputs: 3 made" in done.err
    assert len(list(Path("out").glob("*.json"))) == 3


def test_a_name_that_is_no_text(run_script: Runner, workflows: Workflows, picture: Path) -> None:
    path = Path(os.fsdecode(b"caf\xe9.png"))
    path.write_bytes(picture.read_bytes())
    done = run_script(I2SI, "--img_path", path, "--outdir", "out", "--skip-existing")
    assert done.code == 0, done.err
    again = run_script(I2SI, "--img_path", path, "--outdir", "out", "--skip-existing")
    assert again.code == 0 and len(workflows.calls) == 1


def test_what_is_left_out_of_a_folder_is_named(
    run_script: Runner, workflows: Workflows, tmp_path: Path
) -> None:
    folder = tmp_path / "a[1] b"
    folder.mkdir()
    for name in ("a.jfif", "b.avif", "c.jpe", "d.heic", "e.png", "f.mpo"):
        kind = {"jfif": "JPEG", "jpe": "JPEG", "mpo": "JPEG", "avif": "AVIF", "png": "PNG"}
        Image.new("RGB", (96, 64), "red").save(folder / name, kind.get(name[2:], "HEIF"))
    (folder / "notes.txt").touch()
    done = run_script(I2SI, "--img_path", folder, "--outdir", "out")
    assert done.code == 0, done.err
    assert "left out, no pictures by name: notes.txt" in done.err.splitlines()
    assert len(workflows.calls) == 6 and "6 inputs: 6 made" in done.err
    done = run_script(I2SI, "--img_path", folder / "[ab].*", "--outdir", "out")
    assert len(workflows.calls) == 8, done.err


def test_the_largest_picture_is_the_user_s_choice(
    run_script: Runner, workflows: Workflows, picture: Path
) -> None:
    done = run_script(I2SI, "--img_path", picture, "--max_megapixels", "0.006")
    assert_refused(done, workflows, "96 x 64 pixels, expected at most 0.006 megapixels")
    done = run_script(I2SI, "--img_path", picture, "--max_megapixels", "0.007", "--outdir", "out")
    assert done.code == 0, done.err


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ((), [1.0, 2.0]),
        (("--map", "near-bright"), [1.0, 2.0]),
        (("--map", "far-bright"), [-1.0, -2.0]),
        (("--map", "depth"), [1.0, 0.5]),
        (("--depth",), [1.0, 0.5]),
        (("--map", "disparity_px", "--preset", "best"), [1.0, 2.0]),
    ],
)
def test_a_map_may_store_what_the_user_says(
    run_script: Runner,
    workflows: Workflows,
    picture: Path,
    kind: tuple[str, ...],
    expected: list[float],
) -> None:
    np.save("map.npy", np.repeat([[1.0], [2.0]], 32, axis=0) * np.ones((1, 96)))
    arguments = ("--img_path", picture, "--disparity", "map.npy", *kind, "--outdir", "out")
    done = run_script(I2SI, *arguments)
    assert done.code == 0, done.err
    (call,) = workflows.calls
    assert call["disparity"][[0, -1], 0].tolist() == expected
    assert call["options"].metric_disparity == ("disparity_px" in kind)


def test_pixels_are_for_the_preset_that_warps(
    run_script: Runner, workflows: Workflows, picture: Path
) -> None:
    np.save("map.npy", np.ones((64, 96)))
    arguments = ("--img_path", picture, "--disparity", "map.npy", "--map", "disparity_px")
    assert_refused(
        run_script(I2SI, *arguments), workflows, "metric_disparity: got it with --preset"
    )


def test_maps_of_a_folder_by_other_tools_names(
    run_script: Runner, workflows: Workflows, picture: Path
) -> None:
    Path("maps").mkdir()
    ramp = np.linspace(0, 255, 96, dtype=np.uint8) * np.ones((64, 1), np.uint8)
    Image.fromarray(ramp).convert("RGB").save("maps/cat-depth.webp", quality=80)
    done = run_script(I2SI, "--img_path", picture, "--disparity", "maps", "--outdir", "out")
    assert done.code == 0, done.err
    assert np.abs(workflows.calls[0]["disparity"] - ramp).mean() < 3


def test_a_photo_without_depth_inside(
    run_script: Runner, workflows: Workflows, picture: Path
) -> None:
    done = run_script(I2SI, "--img_path", picture, "--disparity", "embedded")
    assert_refused(done, workflows, "cat.png has shape (64, 96, 3), expected one channel: no map")


def test_foreign_json_of_any_depth_among_the_results(
    run_script: Runner, workflows: Workflows, picture: Path
) -> None:
    Path("out").mkdir()
    Path("out/deep.json").write_text("[" * 100_000)
    Path("out/odd.json").write_text('{"fingerprint": ["a"], "sample": {}}')
    done = run_script(I2SI, "--img_path", picture, "--outdir", "out", "--skip-existing")
    assert done.code == 0, done.err


def test_half_a_set_of_a_killed_run_is_made_again(
    run_script: Runner, workflows: Workflows, picture: Path
) -> None:
    """As a kill between two renames leaves it; `tests/stereo/formats/test_saving.py` kills."""
    command = (I2SI, "--img_path", picture, "--outdir", "out", "--skip-existing")
    whole = run_script(*command)
    files = {path.name: path.read_bytes() for path in Path("out").iterdir()}
    staging = Path("out/.cat_00000.partial")
    staging.mkdir()
    for name in ("cat_00000.json", "cat_00000_right.png"):
        Path("out", name).rename(staging / name)
    again = run_script(*command)
    assert (again.code, again.out) == (0, whole.out) and len(workflows.calls) == 2
    assert {path.name: path.read_bytes() for path in Path("out").iterdir()} == files
