"""Whatever a network gives, near comes out large."""

from typing import get_args

import numpy as np
import pytest

from stereo.depth.kinds import KINDS, METRIC, DepthMap, Kind, to_disparity, to_metres

# A floor from 1 m at the bottom to 9 m at the top.
METRES = np.repeat(np.linspace(9, 1, 200, dtype=np.float32)[:, None], 150, axis=1)
RAMPS = {
    "relative inverse depth": 7 / METRES + 2,
    "relative depth": 0.3 * METRES,
    "metres": METRES,
    "metres with focal length": METRES,
    "metres per focal length": METRES * 300 / (0.8 * 150),
}


def test_every_kind_has_its_ramp_and_every_network_a_kind():
    assert set(RAMPS) == set(get_args(Kind))
    assert set(KINDS.values()) == set(RAMPS)


@pytest.mark.parametrize("kind", RAMPS)
def test_near_is_large(kind):
    disparity = to_disparity(DepthMap(RAMPS[kind], kind))
    assert disparity.dtype == np.float32
    assert np.corrcoef(disparity.ravel(), (1 / METRES).ravel())[0, 1] > 0.999
    assert (np.diff(disparity[2:-2, 0]) > 0).all()


@pytest.mark.parametrize("kind", METRIC)
def test_metric_kinds_give_metres(kind):
    metres = to_metres(DepthMap(RAMPS[kind], kind), focal_widths=0.8)
    np.testing.assert_allclose(metres[2:-2], METRES[2:-2], rtol=1e-5)


def test_relative_depth_gives_no_metres():
    with pytest.raises(ValueError, match="gives relative depth, expected one that gives metres"):
        to_metres(DepthMap(METRES, "relative depth"), 1.0)


@pytest.mark.parametrize("kind", RAMPS)
@pytest.mark.parametrize("nothing", [np.nan, np.inf])
def test_what_has_no_depth_is_far(kind, nothing):
    holed = RAMPS[kind].copy()
    holed[50:60, 20:40] = nothing
    disparity = to_disparity(DepthMap(holed, kind))
    assert np.isfinite(disparity).all()
    assert (disparity[50:60, 20:40] == disparity.min()).all()


def test_one_pixel_at_zero_does_not_flatten_the_rest():
    spiked = METRES.copy()
    spiked[100, 75] = 1e-9
    disparity = to_disparity(DepthMap(spiked, "metres"))
    assert disparity.max() < 1.05


def test_a_map_of_nothing_is_refused():
    for kind in RAMPS:
        with pytest.raises(ValueError, match="depth_model: gave no"):
            to_disparity(DepthMap(np.full((4, 4), np.nan, np.float32), kind))
