"""The command line: every published flag, help without torch, errors in one line."""

import json
import re
import subprocess
import sys
from argparse import Namespace
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stereo.cli import options as cli_options
from stereo.cli.workflows import parse
from tests.scripts.conftest import ROOT, Outcome, Workflows

SCRIPTS = ("txt2stereoimg.py", "depth2stereoimg.py", "img2stereo.py")
PUBLISHED_D2SI = (
    "--prompt=a cat --ckpt=c.ckpt --config=c.yaml --outdir=out --ddim_steps=20 --ddim_eta=0.5 "
    "--n_iter=2 --n_samples=2 --n_rows=2 --scale=7 --strength=0.8 --seed=5 --precision=full "
    "--direction=bi --deblur --shift_both --scale_factor=6"
)
Runner = Callable[..., Outcome]


@pytest.fixture(autouse=True)
def files(tmp_path: Path) -> None:
    for name in ("c.ckpt", "c.yaml", "d.pt"):
        (tmp_path / name).write_bytes(b"x")


@pytest.mark.parametrize("name", SCRIPTS)
@pytest.mark.parametrize("option", ["--help", "--help_all"])
def test_help_is_quick_and_needs_no_torch(name: str, option: str) -> None:
    code = (
        "import runpy, sys, time\n"
        f"sys.argv = [{name!r}, {option!r}]\n"
        "try: runpy.run_path(sys.argv[0], run_name='__main__')\n"
        "except SystemExit: pass\n"
        "assert 'torch' not in sys.modules\n"
        "assert time.process_time() < 1\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "--scale_factor" in done.stdout and "(default: paper)" in done.stdout
    assert "default: None" not in done.stdout
    shown = re.findall(r"^  (?:-h, )?--(\w+)", done.stdout, re.MULTILINE)
    assert "help_all" in shown
    if option == "--help":
        assert 10 <= len(shown) <= 13 and "--offload" not in done.stdout
    else:
        assert len(shown) > 30 and "--offload" in done.stdout


@pytest.mark.parametrize("name", SCRIPTS)
def test_scripts_stay_short(name: str) -> None:
    assert len((ROOT / name).read_text().splitlines()) < 100


def test_choices_are_those_of_the_package() -> None:
    from stereo.runtime.device import PRECISIONS

    assert set(cli_options.PRECISIONS.values()) == set(PRECISIONS)


def test_published_d2si_flags_arrive(
    run_script: Runner, workflows: Workflows, picture: Path
) -> None:
    arguments = PUBLISHED_D2SI.replace("a cat", "a_cat").split()
    done = run_script("depth2stereoimg.py", f"--init_img={picture}", *arguments)
    assert done.code == 0, done.err
    first, second = workflows.calls
    assert first["prompt"] == "a_cat" and first["workflow"] == "depth"
    stereo, sampling = first["options"], first["sampling"]
    assert (stereo.preset, stereo.direction, stereo.scale_percent) == ("paper", "bi", 6)
    assert stereo.deblur and stereo.shift_both
    assert (sampling.steps, sampling.eta, sampling.guidance_scale) == (20, 0.5, 7)
    assert (sampling.samples, sampling.strength) == (2, 0.8)
    assert (sampling.seed, second["sampling"].seed) == (5, 7)
    names = {path.name for path in Path("out").iterdir()}
    assert {"cat_00000_LRF.png", "cat_00003_LRF.png", "grid_00000.png"} <= names


def test_published_i2si_flags_arrive(
    run_script: Runner, workflows: Workflows, picture: Path
) -> None:
    done = run_script(
        "img2stereo.py", "--depthmodel_path=d.pt", f"--img_path={picture}", "--deblur",
        "--scale_factor=9.0", "--direction=uni", "--outdir=out",
    )  # fmt: skip
    assert done.code == 0, done.err
    (call,) = workflows.calls
    assert call["workflow"] == "image" and call["image"].shape == (64, 96, 3)
    assert call["options"].scale_percent == 9 and call["sampling"].guidance_scale == 7.5
    assert call["null_text"].inner_steps == 10 and call["prompt"] == ""
    assert done.out == "out/cat_00000_LRF.png\n"


@pytest.mark.parametrize(("preset", "scaled"), [("original", False), ("paper", True)])
def test_original_differs_in_the_pace_of_the_inversion_not_in_the_pairs(
    run_script: Runner, workflows: Workflows, picture: Path, preset: str, scaled: bool
) -> None:
    (picture.parent / "d.pt").write_bytes(b"x")
    run_script("img2stereo.py", f"--img_path={picture}", "--preset", preset, "--outdir=out")
    flags = ("--preset", preset, "--depthmodel_path=d.pt", "--outdir=out")
    run_script("depth2stereoimg.py", f"--init_img={picture}", *flags)
    run_script("txt2stereoimg.py", *flags)
    photo, depth, text = workflows.calls
    assert photo["null_text"].scale_with_steps == scaled
    assert depth["depth_model"] is not None and depth["disparity"] is None
    assert [call["sampling"].samples for call in (photo, depth, text)] == [1, 1, 1]


@pytest.mark.parametrize("name", ["txt2stereoimg.py", "depth2stereoimg.py", "img2stereo.py"])
def test_options_of_the_models_arrive(
    run_script: Runner, workflows: Workflows, picture: Path, tmp_path: Path, name: str
) -> None:
    for file in ("own.ckpt", "vae.pt", "own.yaml", "own.pt"):
        (tmp_path / file).write_bytes(b"x")
    given = [] if name == "txt2stereoimg.py" else ["--init_img", picture]
    given = ["--img_path", picture] if name == "img2stereo.py" else given
    negative = [] if name == "img2stereo.py" else ["--negative_prompt", "fog"]
    # Reading the picture's depth is the network's work, which is not there.
    own_map = ["--disparity", "map.npy"] if given else []
    np.save("map.npy", np.linspace(0, 9, 64 * 96).reshape(64, 96))
    done = run_script(
        name, *given, *negative, *own_map, "--ckpt", "own.ckpt", "--vae", "vae.pt",
        "--config", "own.yaml",
        "--parameterization", "v", "--precision", "bf16", "--device", "cpu",
        "--depthmodel_path", "own.pt",
    )  # fmt: skip
    assert done.code == 0, done.err
    task = {"t": "text", "d": "depth", "i": "image"}[name[0]]
    assert workflows.loaded == {
        "task": task,
        "ckpt": Path("own.ckpt"),
        "vae": Path("vae.pt"),
        "config": Path("own.yaml"),
        "parameterization": "v",
        "precision": "bf16",
        "device": "cpu",
        "depth": Path("own.pt"),
    }
    if negative:
        assert workflows.calls[0]["negative_prompt"] == "fog"


def test_t2si_defaults_and_published_names(run_script: Runner, workflows: Workflows) -> None:
    done = run_script(
        "txt2stereoimg.py", "--prompt", "a cat", "--steps", "7", "--H", "128", "--W", "192",
        "--preset", "original", "--no-shift_both", "--negative_prompt", "fog",
    )  # fmt: skip
    assert done.code == 0, done.err
    (call,) = workflows.calls
    sampling, stereo = call["sampling"], call["options"]
    assert (sampling.steps, sampling.guidance_scale, sampling.seed) == (7, 9.0, 24)
    assert (sampling.height_px, sampling.width_px) == (128, 192)
    assert stereo.preset == "original" and not stereo.deblur and stereo.rounding == "truncate"
    assert call["negative_prompt"] == "fog" and call["disparity"] is None


def test_best_preset_with_pixels(
    run_script: Runner, workflows: Workflows, picture: Path, tmp_path: Path
) -> None:
    np.save(tmp_path / "px.npy", np.linspace(0, 9, 64 * 96).reshape(64, 96))
    done = run_script(
        "img2stereo.py", "--img_path", picture, "--preset", "best", "--disparity", "px.npy",
        "--metric_disparity", "--convergence", "0.25", "--inversion", "null-text",
        "--guided_start", "0.3", "--no-weighed_holes", "--edge_dilation", "2",
        "--inner_steps", "4",
    )  # fmt: skip
    assert done.code == 0, done.err
    stereo = workflows.calls[0]["options"]
    assert stereo.fusion and stereo.metric_disparity and stereo.convergence == 0.25
    assert stereo.inversion == "null-text"
    assert (stereo.guided_start, stereo.weighed_holes, stereo.edge_dilation_percent) == (
        0.3, False, 2,
    )  # fmt: skip
    assert workflows.calls[0]["null_text"].inner_steps == 4
    np.testing.assert_allclose(workflows.calls[0]["disparity"][-1, -1], 9)


def test_a_flat_map_in_pixels_is_a_map(
    run_script: Runner, workflows: Workflows, picture: Path, tmp_path: Path
) -> None:
    np.save(tmp_path / "flat.npy", np.full((64, 96), 5.0))
    flat = ("img2stereo.py", "--img_path", picture, "--preset", "best", "--disparity", "flat.npy")
    done = run_script(*flat, "--metric_disparity")
    assert done.code == 0, done.err
    assert (workflows.calls[0]["disparity"] == 5).all()
    done = run_script(*flat)
    assert done.code == 2 and "is constant (5)" in done.err


def test_fixed_code_keeps_the_seeds(run_script: Runner, workflows: Workflows) -> None:
    run_script("txt2stereoimg.py", "--n_iter", "2", "--fixed_code", "--preset", "original")
    assert [call["sampling"].seed for call in workflows.calls] == [24, 24]


def test_prompts_from_a_file(run_script: Runner, workflows: Workflows, tmp_path: Path) -> None:
    prompts = tmp_path / "prompts.txt"
    prompts.write_text("a cat\n\n  a dog \n")
    for flag in ("--from-file", "--from_file"):
        workflows.calls.clear()
        assert run_script("txt2stereoimg.py", flag, prompts).code == 0
        assert [call["prompt"] for call in workflows.calls] == ["a cat", "a dog"]
    for content in (b" \n", b"\xff\xfe\x00"):
        prompts.write_bytes(content)
        done = run_script("txt2stereoimg.py", "--from-file", prompts)
        assert done.code == 2 and "from-file" in done.err


def test_results_tell_how_to_make_them_again(
    run_script: Runner, workflows: Workflows, picture: Path
) -> None:
    run_script(
        "depth2stereoimg.py", "--init_img", picture, "--prompt", "a 'cat'",
        "--ckpt", "c.ckpt", "--outdir", "out", "--format", "sbs",
    )  # fmt: skip
    settings = json.loads(Path("out/cat_00000.json").read_text())
    assert settings["ckpt"] == "c.ckpt" and settings["init_img"] == "cat.png"
    assert settings["command"].startswith("python depth2stereoimg.py --init_img ")
    assert sorted(path.name for path in Path("out").iterdir()) == [
        "cat_00000.json",
        "cat_00000_LRF.png",
    ]
    done = subprocess.run(
        [sys.executable, "-m", "stereo.info", str(Path("out/cat_00000_LRF.png").resolve())],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0 and f"made by: {settings['command']}" in done.stdout


def test_own_disparity_is_read_at_the_pictures_size(
    run_script: Runner, workflows: Workflows, picture: Path, tmp_path: Path
) -> None:
    metres = np.linspace(1, 4, 64 * 96, dtype=np.float32).reshape(64, 96)
    np.save(tmp_path / "near.npy", 1 / metres)
    np.save(tmp_path / "metres.npy", metres)
    common = ("img2stereo.py", "--img_path", picture)
    assert run_script(*common, "--disparity", "near.npy").code == 0
    assert run_script(*common, "--disparity", "metres.npy", "--depth").code == 0
    near, depth = (call["disparity"] for call in workflows.calls)
    assert near.shape == (64, 96) and near[0, 0] > near[-1, -1]
    np.testing.assert_allclose(depth, near, rtol=1e-5)


def test_folder_of_maps_goes_with_a_folder_of_pictures(
    run_script: Runner, workflows: Workflows, picture: Path, tmp_path: Path
) -> None:
    maps = tmp_path / "maps"
    maps.mkdir()
    np.save(maps / "cat.npy", np.linspace(0, 1, 64 * 96).reshape(64, 96))
    assert run_script("depth2stereoimg.py", "--init_img", tmp_path, "--disparity", maps).code == 0
    assert workflows.calls[0]["disparity"].shape == (64, 96)
    (maps / "cat.npy").unlink()
    done = run_script("depth2stereoimg.py", "--init_img", picture, "--disparity", maps)
    assert done.code == 2 and "disparity: no map cat.*" in done.err


@pytest.mark.parametrize(
    ("flags", "changes"),
    [
        (("--max_disparity_px", "12"), {"max_disparity_px": 12}),
        (("--comfort", "--preset", "best"), {"comfort": "degree"}),
        (
            ("--comfort", "zone", "--convergence", "auto", "--preset", "best"),
            {"comfort": "zone", "convergence": "auto"},
        ),
        (("--eye", "left"), {"eye": "left", "shift_both": False}),
        (("--eye", "both"), {"eye": "right", "shift_both": True}),
        (("--eye", "right"), {"eye": "right", "shift_both": False}),
        (("--mask_window", "--convergence", "0.3"), {"borders": "window", "convergence": 0.3}),
        (("--borders", "crop"), {"borders": "crop"}),
        ((), {"borders": "fill"}),
        (
            ("--display_width_cm", "100", "--viewing_distance_cm", "250"),
            {"display_width_cm": 100, "viewing_distance_cm": 250},
        ),
    ],
)
def test_comfort_options_arrive(
    run_script: Runner, workflows: Workflows, flags: tuple[str, ...], changes: dict[str, object]
) -> None:
    done = run_script("txt2stereoimg.py", *flags)
    assert done.code == 0, done.err
    arrived = {**asdict(workflows.comfort), **asdict(workflows.calls[0]["options"])}
    assert {name: arrived[name] for name in changes} == changes


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--H", "100"], "argument --H: got 100, expected a multiple of 64"),
        (["--W", "0"], "argument --W: got 0, expected a multiple of 64"),
        (["--H", "tall"], "argument --H: got 'tall', expected a whole number"),
        (["--direction", "tri"], "argument --direction: invalid choice: 'tri'"),
        (["--preset", "best2"], "argument --preset: invalid choice"),
        (["--precision", "fp8"], "argument --precision: invalid choice"),
        (["--format", "jpeg2000"], "argument --format: invalid choice"),
        (["--n_samples", "0"], "argument --n_samples: got 0, expected 1 to 100000"),
        (["--scale_factor", "much"], "argument --scale_factor: invalid float"),
        (["--depth"], "argument --depth: says what --disparity"),
        (["--metric_disparity"], "argument --metric_disparity: says what --disparity"),
        (
            ["--disparity", "m.npy", "--depth", "--metric_disparity"],
            "argument --metric_disparity: not with --depth",
        ),
        (["--convergence", "2"], "convergence: got 2.0, expected 0 to 1"),
        (["--convergence", "near"], "argument --convergence: got 'near', expected a number"),
        (["--comfort", "soft"], "argument --comfort: invalid choice"),
        (["--comfort", "--scale_factor", "3"], "comfort: not together with --scale_factor"),
        (["--max_disparity_px", "9", "--comfort"], "comfort: not together with --max_disparity"),
        (["--max_disparity_px", "-9"], "max_disparity_px: got -9.0, expected 0 or more"),
        (["--eye", "both", "--no-shift_both"], "eye: got 'both', which contradicts"),
        (["--eye", "third"], "argument --eye: invalid choice"),
        (["--viewing_distance_cm", "0"], "viewing_distance_cm: got 0.0, expected 5 to"),
        (["--preset", "best", "--direction", "bi"], "fusion: keeps the left view"),
        (["--preset", "best", "--scale_factor", "-8"], "scale_factor: got -8.0 with fusion"),
        (["--sedd", "1"], "unrecognized arguments: --sedd 1"),
        (["--scale_factor", "80"], "error: scale_factor: got 80"),
        (["--scale", "-1"], "error: scale: got -1"),
        (["--ddim_eta", "2"], "error: ddim_eta: got 2"),
        (["--ddim_steps", "900"], "error: ddim_steps: got 900"),
        (["--n_samples", "9999"], "error: n_samples: got 9999"),
        (["--H", "64000"], "argument --H: got 64000, expected a multiple of 64, at most 8192"),
        (["--preset", "best", "--edge_dilation", "9"], "error: edge_dilation: got 9"),
        (["--guided_start", "0.5"], "guided_start: got it with --preset paper, expected --pre"),
        (["--no-weighed_holes"], "weighed_holes: got it with --preset paper"),
        (["--outdir", ""], "argument --outdir: got '', expected a path"),
        (["--devices", "0"], "argument --devices: got 0, expected 1 to 1024"),
        (["--seed", "-1"], "seed: got -1"),
        (["--from-file", "none.txt"], "none.txt"),
        (["--disparity", "none.npy"], "none.npy"),
        (["--device", "tpu"], "device: got 'tpu'"),
    ],
)
def test_bad_option_is_one_line_naming_the_argument(
    run_script: Runner, arguments: list[str], named: str, request: pytest.FixtureRequest
) -> None:
    if "--disparity" in arguments:
        request.getfixturevalue("workflows")
    done = run_script("txt2stereoimg.py", *arguments)
    assert done.code == 2 and done.out == ""
    *_, last = done.err.splitlines()
    assert last.startswith("txt2stereoimg.py: error: ") and named in last
    assert "Traceback" not in done.err and not Path("outputs").exists()


def test_picture_is_required_by_img2stereo(run_script: Runner) -> None:
    done = run_script("img2stereo.py")
    assert done.code == 2 and "--img_path" in done.err and len(done.err.splitlines()) == 1


def test_a_photograph_is_told_what_the_embedded_depth_network_knows(
    run_script: Runner, workflows: Workflows, picture: Path
) -> None:
    told = "python -m stereo.fetch depth-anything-v2-small"
    assert run_script("img2stereo.py", "--img_path", picture).err.count(told) == 1
    done = run_script("img2stereo.py", "--img_path", picture, "--depth_model", "d.pt")
    assert done.code == 0 and told not in done.err


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--baseline_cm=6.3", "--preset=paper"], "baseline_cm: got it with --preset paper"),
        (["--baseline_cm=6.3"], "gives relative inverse depth, expected a network that gives"),
        (["--baseline_cm=6.3", "--scale_factor=4"], "baseline_cm: not together with --scale_"),
        (["--baseline_cm=6.3", "--comfort"], "baseline_cm: not together with --comfort"),
        (["--baseline_cm=6.3", "--disparity=c.ckpt"], "baseline_cm: not together with --disp"),
        (
            ["--baseline_cm=6.3", "--convergence_m=2", "--convergence=0.3"],
            "convergence_m: not together with --convergence",
        ),
        (["--baseline_cm=0"], "baseline_cm: got 0.0, expected 0.01 to 10000"),
        (["--convergence_m=2"], "convergence_m: got it without baseline_cm"),
        (["--fov_deg=60"], "fov_deg: got it without baseline_cm"),
    ],
)
def test_real_baselines_are_checked_before_the_work(
    run_script: Runner, workflows: Workflows, picture: Path, flags: list[str], told: str
) -> None:
    preset = [] if "--preset=paper" in flags else ["--preset=best"]
    done = run_script("txt2stereoimg.py", *preset, *flags)
    if "--disparity=c.ckpt" not in flags:
        assert done.code == 2 and told in done.err and not workflows.loaded, done.err
    done = run_script("img2stereo.py", f"--img_path={picture}", *preset, *flags)
    assert done.code == 2 and told in done.err and not workflows.loaded, done.err


def test_a_depth_network_may_look_several_times(
    run_script: Runner, workflows: Workflows, picture: Path
) -> None:
    done = run_script("img2stereo.py", f"--img_path={picture}", "--depth_views=5")
    assert done.code == 2 and "depth_views: got 5, expected 1 to 4" in done.err
    done = run_script("txt2stereoimg.py", "--preset=best", "--baseline_cm=6", "--depth_views=2")
    assert done.code == 2 and "depth_views: got 2, expected 1 with --baseline_cm" in done.err
    assert not workflows.loaded
    assert run_script("txt2stereoimg.py", "--depth_views=2").code == 0


def test_best_places_the_screen_unless_pixels_or_cameras_do() -> None:
    best = ["--img_path", "x.png", "--preset", "best"]
    given = {
        (): ("auto", "none"),
        ("--convergence", "0.3"): (0.3, "none"),
        ("--scale_factor", "9"): ("auto", "none"),
        ("--display_width_cm", "30"): ("auto", "degree"),
        ("--display_width_cm", "30", "--scale_factor", "9"): ("auto", "none"),
        ("--disparity", "m.npy", "--metric_disparity", "--display_width_cm", "30"): (0, "none"),
        ("--baseline_cm", "6.3", "--convergence_m", "2"): (0, "none"),
    }
    for words, expected in given.items():
        args = parse("image", [*best, *words])
        options = cli_options.stereo_options(args)
        comfort = cli_options.comfort_options(args).comfort
        assert (options.convergence, comfort) == expected, words
        cli_options.baseline_options(args, options)


def test_maps_with_fine_edges_are_fitted_unless_told_otherwise() -> None:
    from stereo.options import preset

    best, given = preset("best"), {"refined_edges": None, "edge_dilation_percent": None}
    fine = cli_options.fine_edges(Namespace(**given), best)
    assert (fine.refined_edges, fine.edge_dilation_percent) == (True, 0.2)
    told = cli_options.fine_edges(Namespace(**given | {"refined_edges": False}), best)
    assert (told.refined_edges, told.edge_dilation_percent) == (False, 0.2)
    assert cli_options.fine_edges(Namespace(**given), preset("paper")) == preset("paper")


def test_names_and_the_size_of_wiggles_reach_the_files(
    run_script: Runner, workflows: Workflows, picture: Path
) -> None:
    words = ["--img_path", picture, "--outdir", "out", "--format", "sbs", "--format", "webp"]
    words += ["--names", "sbs", "--wiggle_px", "10"]
    done = run_script("img2stereo.py", *words)
    assert (done.code, done.out) == (0, "out/cat_00000_Full_SBS.png\n")
    with Image.open("out/cat_00000_wiggle.webp") as wiggle:
        assert wiggle.size == (10, 5)
    assert run_script("img2stereo.py", *words, "--skip-existing").out == done.out
    assert len(workflows.calls) == 1
    for bad in (("--wiggle_px", "0"), ("--names", "kodi")):
        refused = run_script("img2stereo.py", "--img_path", picture, *bad)
        assert refused.code == 2 and bad[0] in refused.err
