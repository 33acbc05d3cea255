"""A real baseline: disparity is f B / Z in pixels, and the settings say what was assumed."""

import numpy as np
import pytest
import torch
from torch import nn

from stereo.cli.job import Models, StereoJob, run
from stereo.depth.baseline import BaselineOptions, RealBaseline
from stereo.depth.disparity import predict_disparity
from stereo.depth.kinds import METRIC, DepthMap
from stereo.depth.networks import PictureNetwork
from stereo.options import SamplingOptions, preset

IMAGE = np.random.default_rng(1).integers(0, 256, (64, 128, 3), np.uint8)
METRES = np.repeat(np.linspace(2, 8, 128, dtype=np.float32)[None], 64, axis=0)
NAMES = {"metres": "glpn", "metres with focal length": "depth_pro"}
NAMES |= {"metres per focal length": "depth_anything_3 metric"}
FEW = SamplingOptions(steps=5, guidance_scale=2.0)


class Floor(PictureNetwork):
    """A network that sees METRES in every picture."""

    def __init__(self, kind: str = "metres") -> None:
        super().__init__(nn.Linear(1, 1), NAMES[kind])

    def estimate(self, image: np.ndarray) -> DepthMap:
        found = METRES
        if self.kind == "metres per focal length":
            found = METRES * 300 / (0.75 * METRES.shape[1])
        focal = 0.75 if self.kind == "metres with focal length" else None
        return self._map(found, focal)


@pytest.mark.parametrize("kind", METRIC)
@pytest.mark.parametrize("screen_m", [None, 4.0])
def test_disparity_is_that_of_two_cameras(kind, screen_m):
    model = RealBaseline(Floor(kind), BaselineOptions(10.0, screen_m), 0.75)
    disparity_px = predict_disparity(model, IMAGE)
    scale = 0.75 * 128 * 0.10
    expected = scale / METRES - (scale / screen_m if screen_m else 0)
    assert disparity_px.shape == IMAGE.shape[:2]
    np.testing.assert_allclose(disparity_px, expected, rtol=1e-5)
    assert (disparity_px[0, 0] > disparity_px[0, -1]) == (METRES[0, 0] < METRES[0, -1])


def test_who_knows_the_focal_length():
    half_turn = BaselineOptions(6.3, fov_deg=90)
    for options, exif, kind, focal_px, origin in (
        (half_turn, 2.0, "metres with focal length", 64, "fov_deg"),
        (BaselineOptions(6.3), 2.0, "metres with focal length", 256, "EXIF"),
        (BaselineOptions(6.3), None, "metres with focal length", 96, "network"),
    ):
        model = RealBaseline(Floor(kind), options, exif)
        model(IMAGE)
        (assumed,) = model.assumed
        assert (assumed["focal_px"], assumed["focal_from"]) == (pytest.approx(focal_px), origin)
    with pytest.raises(ValueError, match="fov_deg: missing"):
        RealBaseline(Floor(), BaselineOptions(6.3))(IMAGE)


def test_shifts_that_leave_the_picture_are_refused():
    with pytest.raises(ValueError, match="baseline_cm: got 500, which shifts by up to"):
        RealBaseline(Floor(), BaselineOptions(500.0, fov_deg=60))(IMAGE)


@pytest.mark.parametrize("name", ["convergence_m", "fov_deg"])
def test_what_goes_with_a_baseline_is_refused_alone(name):
    with pytest.raises(ValueError, match=f"{name}: got it without baseline_cm"):
        BaselineOptions(**{name: 50.0})


def test_a_pair_has_the_shifts_of_its_cameras_and_says_so(tiny_model):
    job = StereoJob(
        "image",
        pictures=[IMAGE],
        options=preset("best", edge_dilation_percent=0.0, convergence=0.0),
        sampling=FEW,
        baseline=BaselineOptions(10.0, convergence_m=4.0),
        focal_widths=0.75,
    )
    (pair,) = run(job, Models(tiny_model, Floor()))
    scale = 0.75 * 128 * 0.10
    ends = [scale / 8 - scale / 4, scale / 2 - scale / 4]
    assert pair.settings["disparity_range_px"] == pytest.approx(ends, abs=1e-3)
    assert pair.settings["depth_network"] == "glpn" and pair.settings["depth_kind"] == "metres"
    said = {"baseline_cm": 10.0, "convergence_m": 4.0, "focal_px": 96.0, "focal_from": "EXIF"}
    assert said.items() <= pair.settings.items()
    assert torch.is_grad_enabled()
