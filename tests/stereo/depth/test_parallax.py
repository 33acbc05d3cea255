"""A map's units, and its zero-parallax plane."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from stereo.comfort.limits import limits
from stereo.comfort.options import Viewing
from stereo.depth.parallax import SHARE_IN_FRONT, normalise, relative_cells, zero_parallax_plane
from stereo.method.latent_shift import latent_shift
from stereo.options import preset
from tests.stereo.comfort.draws import random_map


@given(st.integers(0, 2**31))
@settings(max_examples=30)
def test_automatic_plane_leaves_thirty_percent_in_front(seed):
    near = random_map(seed)
    options = preset("best", convergence="auto")
    plane = float(zero_parallax_plane(near, options, 0.5))  # half a percent: no limit is near
    in_front = float((near > plane).float().mean())
    assert in_front == pytest.approx(SHARE_IN_FRONT, abs=1 / near.numel())


def test_automatic_plane_gives_way_to_the_limits():
    allowed = limits("degree", Viewing())
    both = (allowed.crossed_percent, allowed.uncrossed_percent)
    options = preset("best", convergence="auto", parallax_limits_percent=both)
    flat = torch.zeros(1, 10, 10)
    flat[:, 0, 0] = 1  # one near pixel: the histogram alone would put everything in front
    plane = float(zero_parallax_plane(flat, options, 4.0))
    assert (1 - plane) * 4 == pytest.approx(allowed.crossed_percent)
    plane = float(zero_parallax_plane(1 - flat, options, 4.0))
    assert plane * 4 == pytest.approx(allowed.uncrossed_percent)
    plane = float(zero_parallax_plane(flat, options, 20.0))
    crossed, uncrossed = (1 - plane) * 20, plane * 20
    assert crossed / allowed.crossed_percent == pytest.approx(uncrossed / allowed.uncrossed_percent)


def test_every_sample_has_a_plane_of_its_own():
    options = preset("best", convergence="auto", scale_percent=1.0)
    near = torch.cat([random_map(1), 1 - random_map(1)])
    planes = zero_parallax_plane(near, options, 1.0)
    assert planes.shape == (2, 1, 1) and planes[0] != planes[1]


def test_convergence_moves_the_whole_picture_in_paper_too():
    near = torch.linspace(0, 1, 32).expand(1, 8, 32)
    plain, half = (
        latent_shift(relative_cells(near, (8, 32), options), options).disparity_cells()
        for options in (
            preset("paper", scale_percent=25.0, convergence=plane) for plane in (0.0, 0.5)
        )
    )
    assert torch.equal(half, plain - 4)


def test_constant_disparity_shifts_nothing():
    flat = normalise(torch.full((2, 3, 5), 7.0))
    assert torch.equal(flat, torch.zeros(2, 3, 5))


def test_normalisation_per_image_ignores_the_rest_of_the_batch():
    disparity = torch.stack([torch.rand(4, 4), 100 * torch.rand(4, 4)])
    alone = torch.cat([normalise(d.unsqueeze(0)) for d in disparity])
    assert torch.equal(normalise(disparity, "image"), alone)
    assert normalise(disparity, "batch")[0].max() < 0.02
