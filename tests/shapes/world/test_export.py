"""The command line of the procedural world."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from shapes.world.export import main
from shapes.world.scenes import render_scenes
from stereo.cli.command import run


def read_pfm(path: Path) -> np.ndarray:
    """Read a greyscale little-endian PFM, top row first."""
    kind, size, scale, data = path.read_bytes().split(b"\n", 3)
    width, height = map(int, size.split())
    assert kind == b"Pf" and float(scale) < 0
    return np.frombuffer(data, "<f4").reshape(height, width)[::-1]


def test_pairs_are_written_in_the_middlebury_layout(tmp_path: Path) -> None:
    assert main(["--count", "2", "--out", str(tmp_path), "--size", "64", "--first-seed", "7"]) == 0
    folders = sorted(tmp_path.iterdir())
    assert [folder.name for folder in folders] == [
        "shapes0000000007-perfect",
        "shapes0000000008-perfect",
    ]
    truth = render_scenes([7], size_px=64)
    assert np.array_equal(read_pfm(folders[0] / "disp0.pfm"), truth.disparity_left_px[0].numpy())
    assert np.array_equal(read_pfm(folders[0] / "disp1.pfm"), truth.disparity_right_px[0].numpy())
    left = np.asarray(Image.open(folders[0] / "im0.png")).astype(float) / 255
    assert np.abs(left - truth.left[0].permute(1, 2, 0).numpy()).max() < 0.6 / 255
    mask = np.asarray(Image.open(folders[0] / "mask0nocc.png"))
    assert np.array_equal(mask == 255, truth.visible_left[0].numpy())
    calib = dict(line.split("=", 1) for line in (folders[0] / "calib.txt").read_text().splitlines())
    focal = float(calib["cam0"].strip("[").split()[0])
    depth = float(calib["baseline"]) * focal / truth.disparity_left_px[0] / 1000
    assert torch.allclose(depth, truth.depth[0], rtol=1e-4)
    assert int(calib["width"]) == int(calib["height"]) == 64
    assert (folders[0] / "caption.txt").read_text() == truth.captions[0] + "\n"
    assert not list(tmp_path.rglob(".*"))


@pytest.mark.parametrize(
    "arguments",
    [["--count", "0"], ["--count", "x"], ["--first-seed", "-1"], ["--size", "4"], ["--what"]],
)
def test_bad_arguments_end_with_one_line(
    arguments: list[str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    try:
        code = run(lambda _: main([*arguments, "--out", str(tmp_path / "new")]))
    except SystemExit as stopped:
        code = stopped.code
    assert code == 2
    assert len(capfd.readouterr().err.strip().splitlines()) == 1
    assert not (tmp_path / "new").exists()


def test_an_unwritable_folder_ends_with_code_2(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    arguments = ["--count", "1", "--size", "32", "--out", str(tmp_path / "file")]
    assert run(lambda _: main(arguments)) == 2
