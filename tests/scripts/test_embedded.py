"""The three workflows as a user runs them, on the embedded model that lies in the repository."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stereo import image_to_stereo, load_depth_model, load_model, preset
from stereo.formats import load
from stereo.options import NullTextOptions, SamplingOptions
from stereo.pair import StereoPair
from tests.scripts.conftest import ROOT, Outcome

SCENE = ROOT / "docs" / "scene.png"
QUICK = ("--steps", "10", "--outdir", "out")
EVERYTHING = tuple(
    word for name in ("sbs", "left", "right", "disparity", "mask") for word in ("--format", name)
)
PROMPT = "a red sphere left of a yellow cylinder on a wooden floor"
Runner = Callable[..., Outcome]


def pairs_of(done: Outcome) -> list[StereoPair]:
    assert done.code == 0, done.err
    return [load(path) for path in done.out.splitlines()]


def column_of(view: np.ndarray, patch: np.ndarray, row: int) -> int:
    """Return the column at which `patch` fits best into the rows of `view` from `row` on."""
    rows = view[row : row + patch.shape[0]].astype(float)
    width = patch.shape[1]
    errors = [
        np.square(rows[:, column : column + width] - patch).mean()
        for column in range(view.shape[1] - width + 1)
    ]
    return int(np.argmin(errors))


def test_text_to_stereo(run_script: Runner) -> None:
    done = run_script("txt2stereoimg.py", "--prompt", PROMPT, *QUICK, *EVERYTHING)
    (pair,) = pairs_of(done)
    assert pair.left.shape == pair.right.shape == (256, 256, 3)
    assert (pair.left != pair.right).any() and pair.left.std() > 10
    assert pair.disparity.min() == 0 and pair.disparity.max() == 1
    assert 0.5 < pair.valid.mean() < 1
    assert "embedded" in done.err and pair.settings["ckpt"].endswith("models/shapes.safetensors")
    again = run_script("txt2stereoimg.py", "--prompt", PROMPT, *QUICK, *EVERYTHING)
    assert again.out == "out/00001_LRF.png\n"
    assert "in front of a 60 cm screen seen from 70 cm: uncomfortable" in again.err
    np.testing.assert_array_equal(pairs_of(again)[0].right, pair.right)


def test_depth_to_stereo_with_samples(run_script: Runner) -> None:
    flags = ("--prompt", PROMPT, "--init_img", SCENE, *QUICK, *EVERYTHING)
    done = run_script("depth2stereoimg.py", *flags, "--n_samples", "2", "--n_rows", "1")
    *names, grid = done.out.splitlines()
    assert names == ["out/scene_00000_LRF.png", "out/scene_00001_LRF.png"]
    first, second = (load(name) for name in names)
    assert (first.left != second.left).any()
    np.testing.assert_array_equal(first.disparity, second.disparity)
    assert Image.open(grid).size == (1024, 256)


def test_picture_to_stereo_keeps_the_picture(run_script: Runner) -> None:
    done = run_script("img2stereo.py", "--img_path", SCENE, *QUICK, *EVERYTHING)
    (pair,) = pairs_of(done)
    scene = np.asarray(Image.open(SCENE)).astype(float)
    error = np.square(scene - pair.left).mean()
    assert error < 0.25 * scene.var()
    assert json.loads(Path("out/scene_00000.json").read_text())["img_path"].endswith("scene.png")


def test_near_object_moves_left_by_the_given_scale(run_script: Runner, tmp_path: Path) -> None:
    near = np.zeros((256, 256), np.uint8)
    near[64:208, :144] = 255  # the sphere of the scene
    Image.fromarray(near).save(tmp_path / "near.png")
    done = run_script(
        "img2stereo.py", "--img_path", SCENE, "--disparity", "near.png",
        "--scale_factor", "12.5", *QUICK, *EVERYTHING,
    )  # fmt: skip
    (pair,) = pairs_of(done)
    patch = pair.left[100:164, 48:112]
    assert 48 - column_of(pair.right, patch, 100) == pytest.approx(32, abs=4)


@pytest.mark.parametrize("name", ["paper", "best"])
def test_same_picture_from_the_script_and_from_python(run_script: Runner, name: str) -> None:
    flags = ("--img_path", SCENE, "--preset", name, "--inner_steps", "1", "--steps", "4")
    (pair,) = pairs_of(run_script("img2stereo.py", *flags, "--outdir", "out", *EVERYTHING))
    (same,) = image_to_stereo(
        load_model("image"),
        load_depth_model(),
        SCENE,
        options=preset(name),
        sampling=SamplingOptions(steps=4),
        null_text=NullTextOptions(inner_steps=1),
    )
    np.testing.assert_array_equal(pair.left, same.left)
    np.testing.assert_array_equal(pair.right, same.right)


@pytest.mark.parametrize(
    ("name", "extra"), [("original", ("--shift_both",)), ("paper", ("--direction", "bi"))]
)
def test_presets_and_directions(run_script: Runner, name: str, extra: tuple[str, ...]) -> None:
    flags = ("--preset", name, *extra, "--steps", "14", "--outdir", "out")
    (pair,) = pairs_of(run_script("txt2stereoimg.py", *flags))
    assert pair.settings["preset"] == name and (pair.left != pair.right).any()


def test_sizes_that_are_not_square(run_script: Runner) -> None:
    flags = ("--H", "192", "--W", "320", *QUICK)
    (pair,) = pairs_of(run_script("txt2stereoimg.py", *flags))
    assert pair.right.shape == (192, 320, 3)


def test_long_prompt_says_what_was_cut(run_script: Runner) -> None:
    done = run_script("txt2stereoimg.py", "--prompt", "a red box and " * 30, *QUICK)
    assert done.code == 0 and "prompt too long" in done.err and "cut off" in done.err


def test_checkpoint_of_the_wrong_workflow(run_script: Runner) -> None:
    depth = ROOT / "models" / "shapes-depth.safetensors"
    plain = ROOT / "models" / "shapes.safetensors"
    wrong = run_script("txt2stereoimg.py", "--ckpt", depth, *QUICK)
    assert wrong.code == 2 and "depth-conditioned" in wrong.err
    wrong = run_script("depth2stereoimg.py", "--init_img", SCENE, "--ckpt", plain, *QUICK)
    assert wrong.code == 2 and "depth" in wrong.err and not Path("out").exists()


def test_ctrl_c_while_it_works(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "txt2stereoimg.py"), "--steps", "500"]
    process = subprocess.Popen(
        [*command, "--outdir", str(tmp_path / "out")],
        cwd=ROOT,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        stderr=subprocess.PIPE,
        text=True,
        # A suite that runs in the background has it ignored, and its processes would, too.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert "embedded" in process.stderr.readline()
    time.sleep(3)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130 and "interrupted" in err and "Traceback" not in err
    assert not (tmp_path / "out").exists()
