"""The command line of the procedural world, and the solids that it is made of."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from shapes.world import primitives
from shapes.world.export import main
from shapes.world.scene import SHAPES
from shapes.world.shapes import render_scenes

# --- solids


def inside(shape: int, point: Tensor, minor: float) -> Tensor:
    """Say which points (3, ...) lie within a unit solid."""
    x, y, z = point
    ring = (x * x + z * z).sqrt()
    return {
        primitives.SPHERE: x * x + y * y + z * z < 1,
        primitives.BOX: point.abs().amax(0) < 1,
        primitives.CYLINDER: (ring < 1) & (y.abs() < 1),
        primitives.CONE: (ring < (1 - y) / 2) & (y > -1),
        primitives.TORUS: (ring - 1) ** 2 + y * y < minor**2,
    }[shape]


@pytest.mark.parametrize("shape", sorted(set(SHAPES.values())))
def test_rays_meet_a_solid_where_they_first_enter(shape: int) -> None:
    generator = torch.Generator().manual_seed(shape)
    aim = torch.rand((3, 400), generator=generator) * 2.4 - 1.2
    start = functional.normalize(torch.randn((3, 400), generator=generator), dim=0) * 4
    minor, ray = 0.37, aim - start
    hit = primitives.intersect(
        shape,
        tuple(start[:, None, :]),
        tuple(ray[:, None, :]),
        torch.tensor([[minor]]),
    )[0]
    steps = torch.linspace(0, 2.4, 4000)
    within = inside(shape, start[:, :, None] + ray[:, :, None] * steps, minor)
    met = within.any(1)
    first = steps[within.int().argmax(1)]
    assert 0.1 < met.float().mean() < 1
    assert ((hit < primitives.MISS) == met).float().mean() > 0.985  # grazing rays step over
    both = (hit < primitives.MISS) & met
    late = (first - hit)[both]
    assert (late.abs() < 2e-3).float().mean() > 0.98
    assert late.min() > -2e-3


def test_a_camera_inside_a_sphere_sees_its_far_side() -> None:
    zero, one = torch.zeros((1, 1)), torch.ones((1, 1))
    hit = primitives.intersect(primitives.SPHERE, (zero, zero, zero), (zero, zero, one), one)
    assert math.isclose(float(hit), 1.0, rel_tol=1e-6)


# --- command line


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
    arguments: list[str],
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    try:
        code = main([*arguments, "--out", str(tmp_path / "new")])
    except SystemExit as stopped:
        code = stopped.code
    told = capfd.readouterr().err.strip() or caplog.text.strip()
    assert code == 2
    assert len(told.splitlines()) == 1
    assert not (tmp_path / "new").exists()


def test_an_unwritable_folder_ends_with_code_2(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    assert main(["--count", "1", "--size", "32", "--out", str(tmp_path / "file")]) == 2
