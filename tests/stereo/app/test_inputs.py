"""Uploads, checkpoints and requests: what a visitor may give, and what is said otherwise."""

import importlib.util
import os
import shlex
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stereo.app.catalogue import EMBEDDED_NAME, list_checkpoints, pick_checkpoint
from stereo.app.request import Request
from stereo.app.settings import MAX_STEPS, MEGABYTE, Limits
from stereo.app.uploads import make_room, read_map, read_picture, shrunk
from stereo.cli.fields import options_of
from stereo.cli.options import comfort_options, stereo_options
from stereo.options import SamplingOptions
from tests.stereo.app.conftest import make_request

ROOT = Path(__file__).resolve().parents[3]
LIMITS = Limits()


def test_a_picture_is_read_as_it_is(photo: Path) -> None:
    assert np.array_equal(read_picture(photo, LIMITS), np.asarray(Image.open(photo)))


def test_a_large_picture_keeps_its_size(tmp_path: Path) -> None:
    Image.new("RGB", (4000, 3000), (10, 20, 30)).save(tmp_path / "wide.png")
    assert read_picture(tmp_path / "wide.png", LIMITS).shape == (3000, 4000, 3)


def test_too_many_pixels_are_refused_undecoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Image.new("1", (5000, 4000)).save(tmp_path / "bomb.png")
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", lambda image: pytest.fail("decoded"))
    with pytest.raises(ValueError, match="bomb.png .* 5000 x 4000 pixels, expected at most 19"):
        read_picture(tmp_path / "bomb.png", Limits(max_megapixels=19))


@pytest.mark.parametrize("content", [b"", b"not a picture", b"\x89PNG\r\n\x1a\n broken"])
def test_a_wrong_file_is_named_without_its_folder(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "notes.png"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="notes.png") as caught:
        read_picture(path, LIMITS)
    assert str(tmp_path) not in str(caught.value)


def test_a_map_must_fit_the_picture(tmp_path: Path) -> None:
    np.save(tmp_path / "near.npy", np.arange(12, dtype=np.float32).reshape(3, 4))
    fitting = read_map(tmp_path / "near.npy", LIMITS, size_px=(64, 48))
    assert fitting.shape == (48, 64)
    assert fitting[0, 0] < fitting[-1, -1]
    turned = read_map(tmp_path / "near.npy", LIMITS, size_px=None, kind="depth")
    assert turned[0, 1] > turned[-1, -1]
    with pytest.raises(ValueError, match="near.npy is 4x3 px, the image 50x50") as caught:
        read_map(tmp_path / "near.npy", LIMITS, size_px=(50, 50))
    assert str(tmp_path) not in str(caught.value)


def test_published_files_come_first_and_other_kinds_are_left_out(tmp_path: Path) -> None:
    for name in ("zoo.safetensors", "v2-1_512-ema-pruned.ckpt", "v2-1_768-ema-pruned.safetensors"):
        (tmp_path / name).touch()
    for name in ("512-depth-ema.ckpt", "shapes.safetensors", "shapes-depth.safetensors", "a.txt"):
        (tmp_path / name).touch()
    for name in ("my-photos", "notes"):
        (tmp_path / name).mkdir()
    (tmp_path / "my-photos" / "model_index.json").touch()  # as diffusers saves a model
    assert [each.name for each in list_checkpoints("text", tmp_path)] == [
        "v2-1_768-ema-pruned.safetensors",
        "v2-1_512-ema-pruned.ckpt",
        EMBEDDED_NAME,
        "my-photos",
        "zoo.safetensors",
    ]
    depth = list_checkpoints("depth", tmp_path)
    names = ["512-depth-ema.ckpt", EMBEDDED_NAME, "my-photos", "zoo.safetensors"]
    assert [each.name for each in depth] == names
    assert depth[1].path == tmp_path / "shapes-depth.safetensors"


@pytest.mark.parametrize("name", ["../secret.ckpt", "/etc/passwd", "shapes.safetensors", ""])
def test_only_listed_names_are_checkpoints(name: str) -> None:
    with pytest.raises(ValueError, match="expected one of Shapes"):
        pick_checkpoint("text", name)


@pytest.mark.parametrize(
    ("task", "changes", "words"),
    [
        ("text", {"prompt": "  "}, "Write a prompt"),
        ("depth", {}, "Choose a picture"),
        ("image", {}, "Choose a picture"),
        ("text", {"prompt": "x" * 1001}, "at most 1000 characters"),
        ("text", {"steps": MAX_STEPS + 1}, "steps: got 101"),
        ("text", {"samples": 5}, "pairs: got 5"),
        ("text", {"preset": "magic"}, "preset: got 'magic'"),
        ("text", {"scale_percent": 80}, "scale_percent: got 80"),
        ("text", {"seed": -1}, "seed: got -1"),
        ("image", {"picture": Path("a.png"), "inner_steps": 0}, "inner_steps: got 0"),
        ("text", {"comfort": "much"}, "comfort: got 'much'"),
        ("text", {"convergence": "near"}, "convergence: got 'near', expected 0 to 1, or auto"),
        ("text", {"convergence": "1.5"}, "convergence: got 1.5, expected 0 to 1"),
        ("text", {"eye": "third"}, "eye: got 'third', expected one of right, left, both"),
        ("text", {"eye": "both"}, "fusion: keeps the left view"),
    ],
)
def test_what_makes_no_sense_is_refused(task: str, changes: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make_request(task, **changes).check()


@pytest.mark.parametrize("task", ["text", "depth", "image"])
def test_the_command_asks_for_the_same(task: str) -> None:
    request = make_request(
        task,
        prompt='it\'s a "sphere"',
        picture=None if task == "text" else Path("/upload/cat photo.png"),
        own_map=Path("/upload/map.npy"),
        map_kind="depth",
        preset="paper",
        scale_percent=5.5,
        guidance_scale=2.5,
        seed=7,
        strength=0.5,
        inner_steps=2,
    )
    words = shlex.split(request.command())
    spec = importlib.util.spec_from_file_location("script", ROOT / words[1])
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    args = script.parse(words[2:])
    job, sampling = request.job(), options_of(SamplingOptions, args)
    assert stereo_options(args) == job.options and sampling == request.sampling() == job.sampling
    assert (args.prompt, args.disparity, args.map) == (request.prompt, Path("map.npy"), "depth")
    if task == "image":
        assert args.inner_steps == request.inner_steps


@pytest.mark.parametrize("eye", ["right", "left", "both"])
@pytest.mark.parametrize("convergence", ["", "auto", "0.25"])
@pytest.mark.parametrize("comfort", ["none", "degree"])
def test_the_command_asks_for_the_same_depth(eye: str, convergence: str, comfort: str) -> None:
    preset = "paper" if eye == "both" else "best"
    depth = {"eye": eye, "convergence": convergence, "comfort": comfort, "preset": preset}
    request = make_request("image", picture=Path("a.png"), scale_percent=3.0, **depth)
    words = shlex.split(request.command())
    spec = importlib.util.spec_from_file_location("script", ROOT / words[1])
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    args = script.parse(words[2:])
    job = request.job()
    assert stereo_options(args) == job.options and comfort_options(args) == job.comfort
    if comfort == "none":
        assert job.options.scale_percent == 3.0


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"prompt": None}, "prompt: got None, expected text"),
        ({"prompt": 5}, "prompt: got 5, expected text"),
        ({"prompt": "\ud800"}, "expected UTF-8 text"),
        ({"steps": "many"}, "steps: got 'many', expected a whole number"),
        ({"steps": None}, "steps: got None, expected a whole number"),
        ({"steps": 1.5}, "steps: got 1.5, expected a whole number"),
        ({"steps": float("nan")}, "steps: got nan, expected a whole number"),
        ({"steps": float("inf")}, "steps: got inf, expected a whole number"),
        ({"steps": True}, "steps: got True, expected a whole number"),
        ({"scale_percent": [1]}, r"scale_percent: got \[1\], expected a number"),
        ({"scale_percent": float("nan")}, "scale_percent: got nan, expected -50 to 50"),
        ({"picture": 3}, "picture: got 3, expected a file"),
        ({"own_map": {"path": 1}}, "own_map: got .*, expected a file"),
        ({"checkpoint": None}, "checkpoint: got None, expected a model"),
        ({"map_kind": "x" * 1000}, "map: got 'x+', expected one of near-bright"),
        ({"negative_prompt": ["x" * 1000]}, "negative_prompt: got .{60}, expected text"),
    ],
)
def test_values_of_wrong_types_are_one_line(changes: dict, words: str) -> None:
    named = {"prompt": "a", "checkpoint": list_checkpoints("text")[0], **changes}
    with pytest.raises(ValueError, match=words) as caught:
        Request(task="text", **named).check()
    assert "\n" not in str(caught.value)


def test_whole_floats_are_whole_numbers() -> None:
    request = make_request(steps=7.0, seed=3.0)
    assert (request.steps, request.seed) == (7, 3) and isinstance(request.steps, int)


def test_the_oldest_uploads_make_room(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    limits = Limits(max_file_mb=1, max_uploads_mb=4)
    for age, name in enumerate("dcba"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.png").write_bytes(bytes(MEGABYTE))
        os.utime(tmp_path / name, (1e9 - age, 1e9 - age))
    (tmp_path / "results").mkdir()
    make_room(tmp_path, limits)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b", "c", "d", "results"]
    assert "removed the 1 oldest uploads to make room" in caplog.text
    make_room(tmp_path, limits)
    assert len(list(tmp_path.iterdir())) == 4
    with pytest.raises(ValueError, match="x.png is no longer here, other uploads needed the room"):
        read_picture(tmp_path / "a" / "x.png", LIMITS)


def test_a_folder_of_photos_is_one_upload() -> None:
    assert Limits(max_file_mb=20, max_uploads_mb=1000).upload_mb == 250
    assert Limits(max_file_mb=20, max_uploads_mb=40).upload_mb == 20


def test_previews_of_large_maps_are_drawn_small(tmp_path: Path) -> None:
    near = np.zeros((4000, 5000), np.float32)
    near[:2000] = 1
    small = shrunk(near, 360 * 240)
    assert small.size <= 360 * 240 * 1.01 and small.dtype == np.float32
    assert small[0, 0] == 1 and small[-1, -1] == 0
