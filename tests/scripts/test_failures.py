"""What goes wrong at a user's: one line, the right exit code, nothing half-written."""

import resource
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stereo.depth.loading import load_depth_model as real_load_depth_model
from tests.scripts.conftest import ROOT, Outcome, Workflows

Runner = Callable[..., Outcome]


@pytest.fixture
def folder(tmp_path: Path, picture: Path) -> Path:
    """Return a folder of two good pictures and a bad one between them."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    (folder / "a.png").write_bytes(picture.read_bytes())
    (folder / "b.png").write_text("not a picture")
    (folder / "c.png").write_bytes(picture.read_bytes())
    return folder


@pytest.mark.parametrize(
    ("name", "flag"), [("img2stereo.py", "--img_path"), ("depth2stereoimg.py", "--init_img")]
)
def test_bad_picture_in_a_folder_is_skipped(
    run_script: Runner, workflows: Workflows, folder: Path, name: str, flag: str
) -> None:
    done = run_script(name, flag, folder, "--outdir", "out")
    assert done.code == 1
    assert done.out == "out/a_00000_LRF.png\nout/c_00000_LRF.png\n"
    lines = done.err.splitlines()
    assert sum("skipped b.png" in line for line in lines) == 1
    assert lines[-1] == "3 inputs: 2 made, 1 failed" and "Traceback" not in done.err


def test_picture_that_the_workflow_refuses_is_skipped_too(
    run_script: Runner, workflows: Workflows, folder: Path
) -> None:
    (folder / "b.png").unlink()
    workflows.error, workflows.only_for = ValueError("disparity: is constant"), 1
    done = run_script("img2stereo.py", "--img_path", folder, "--outdir", "out")
    assert done.code == 1 and "skipped a.png: disparity: is constant" in done.err
    assert done.out == "out/c_00000_LRF.png\n"


def test_single_bad_picture_is_an_error(
    run_script: Runner, workflows: Workflows, folder: Path
) -> None:
    done = run_script("img2stereo.py", "--img_path", folder / "b.png")
    assert done.code == 2 and "b.png" in done.err and len(done.err.splitlines()) == 1


def test_a_bad_picture_or_map_names_its_argument(
    run_script: Runner, workflows: Workflows, folder: Path, picture: Path
) -> None:
    done = run_script("img2stereo.py", "--img_path", folder / "b.png")
    assert "error: img_path: image " in done.err
    done = run_script("img2stereo.py", "--img_path", picture, "--disparity", folder / "b.png")
    assert done.code == 2 and "error: disparity " in done.err and "b.png" in done.err


def test_results_do_not_go_among_the_pictures(
    run_script: Runner, workflows: Workflows, folder: Path
) -> None:
    (folder / "b.png").unlink()
    for given in (folder, folder / "*.png"):
        done = run_script("img2stereo.py", "--img_path", given, "--outdir", folder)
        assert done.code == 2 and workflows.calls == []
        assert "error: outdir: got " in done.err and "expected another folder" in done.err
    done = run_script("img2stereo.py", "--img_path", folder / "a.png", "--outdir", folder)
    assert done.code == 0, done.err


def test_a_place_that_takes_no_file_is_found_before_the_work(
    run_script: Runner, workflows: Workflows
) -> None:
    done = run_script("txt2stereoimg.py", "--outdir", "/proc/out")
    assert done.code == 2 and workflows.calls == []
    assert "outdir: cannot write in /proc" in done.err


@pytest.mark.parametrize("path", ["nowhere", "nowhere/*.png"])
def test_missing_picture_names_the_argument(
    run_script: Runner, workflows: Workflows, path: str
) -> None:
    done = run_script("img2stereo.py", "--img_path", path)
    assert done.code == 2 and "error: img_path: " in done.err and path in done.err


@pytest.mark.parametrize("name", ["empty.png", "cut.png", "bomb.png"])
def test_unusable_pictures(
    run_script: Runner, workflows: Workflows, picture: Path, tmp_path: Path, name: str
) -> None:
    path = tmp_path / name
    if name == "bomb.png":
        Image.new("1", (20_000, 20_000)).save(path)
    else:
        path.write_bytes(b"" if name == "empty.png" else picture.read_bytes()[:-200])
    done = run_script("depth2stereoimg.py", "--init_img", path)
    assert done.code == 2 and name in done.err and len(done.err.splitlines()) == 1


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (np.ones((64, 96)), "constant"),
        (np.full((64, 96), np.nan), "NaN"),
        (np.random.default_rng(0).random((64, 64)), "64x64"),
        (np.random.default_rng(0).random((64, 96, 2)), "shape"),
    ],
)
def test_unusable_disparity(
    run_script: Runner, workflows: Workflows, picture: Path, values: np.ndarray, reason: str
) -> None:
    np.save("map.npy", values)
    done = run_script("img2stereo.py", "--img_path", picture, "--disparity", "map.npy")
    assert done.code == 2 and "disparity" in done.err and reason in done.err
    assert len(done.err.splitlines()) == 1 and workflows.calls == []


def test_full_disk(run_script: Runner, workflows: Workflows, folder: Path) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
    try:
        done = run_script("img2stereo.py", "--img_path", folder, "--outdir", "out")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert done.code == 2 and done.out == "" and "File too large" in done.err
    assert list(Path("out").iterdir()) == []


def test_outdir_that_is_a_file(run_script: Runner, workflows: Workflows, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    done = run_script("txt2stereoimg.py", "--outdir", "out")
    assert (
        done.code == 2 and "outdir: out is a file" in done.err and len(done.err.splitlines()) == 1
    )
    assert (tmp_path / "out").read_text() == "mine"


def test_interruption(run_script: Runner, workflows: Workflows) -> None:
    workflows.error = KeyboardInterrupt()
    done = run_script("txt2stereoimg.py", "--outdir", "out")
    assert (done.code, done.out) == (130, "") and "interrupted" in done.err
    assert not Path("out").exists() and "Traceback" not in done.err


def test_out_of_memory_says_what_to_try(run_script: Runner, workflows: Workflows) -> None:
    workflows.error = RuntimeError("CUDA out of memory. Tried to allocate 2 GiB")
    done = run_script("txt2stereoimg.py")
    assert done.code == 2 and "Traceback" not in done.err
    assert "error: out of memory on cpu for 1 picture of 64x64 px, " in done.err
    assert "GiB were free: try --precision bf16, a smaller --H and --W" in done.err
    assert not Path("outputs").exists()


def test_a_bug_of_ours_is_not_hidden(run_script: Runner, workflows: Workflows) -> None:
    workflows.error = RuntimeError("shape mismatch")
    with pytest.raises(RuntimeError, match="shape mismatch"):
        run_script("txt2stereoimg.py")


def test_traceback_only_when_asked_for(run_script: Runner, workflows: Workflows) -> None:
    workflows.error = ValueError("prompt: is\nodd")
    plain = run_script("txt2stereoimg.py")
    assert "txt2stereoimg.py: error: prompt: is odd" in plain.err
    assert "Traceback" not in plain.err
    assert "Traceback" in run_script("txt2stereoimg.py", "-v").err


@pytest.mark.parametrize("content", [None, b"", b"not a checkpoint", b"\x80\x02cos\nsystem\n."])
@pytest.mark.parametrize("name", ["txt2stereoimg.py", "depth2stereoimg.py", "img2stereo.py"])
def test_checkpoint_that_is_none(
    run_script: Runner, picture: Path, tmp_path: Path, name: str, content: bytes | None
) -> None:
    path = tmp_path / "model.ckpt"
    if content is not None:
        path.write_bytes(content)
    flags = {"depth2stereoimg.py": "--init_img", "img2stereo.py": "--img_path"}
    pictured = (flags[name], picture) if name in flags else ()
    done = run_script(name, *pictured, "--ckpt", path)
    assert done.code == 2 and "error: ckpt: " in done.err and "model.ckpt" in done.err
    assert done.out == "" and "Traceback" not in done.err and not Path("outputs").exists()


def test_checkpoint_of_another_kind(
    run_script: Runner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    depth, other = ROOT / "midas_models" / "shapes-dpt.safetensors", tmp_path / "other"
    other.mkdir()
    (other / "model_index.json").write_text('{"_class_name": "FluxPipeline"}')
    cases = {
        depth: "holds a DPTDepthModel, expected Stable",
        tmp_path: "a folder without model_index.json",
        other: "holds a FluxPipeline: take a Stable Diffusion",
        "owner/name": "fetch it: python -m stereo.fetch owner/name",
        "owner/name/unet": "expected a file, a folder or owner/name[@revision]",
    }
    for path, told in cases.items():
        done = run_script("txt2stereoimg.py", "--ckpt", path)
        assert done.code == 2 and "error: ckpt: " in done.err and told in done.err
        assert "Traceback" not in done.err


def test_missing_depth_checkpoint(
    run_script: Runner,
    workflows: Workflows,
    picture: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("stereo.depth.loading.load_depth_model", real_load_depth_model)
    for name, flag in (("img2stereo.py", "--img_path"), ("depth2stereoimg.py", "--init_img")):
        done = run_script(name, flag, picture, "--depthmodel_path", "no.pt")
        assert done.code == 2 and "error: depthmodel_path: no.pt" in done.err
        assert workflows.calls == []
