"""Strengths that just fit the limits, in exact shifts and in whole cells."""

from dataclasses import astuple, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stereo.comfort.limits import MAX_STRENGTH_PERCENT, limits
from stereo.comfort.options import ComfortOptions
from stereo.comfort.strength import with_strength
from stereo.depth.parallax import disparity_pixels, relative_cells
from stereo.method.latent_shift import latent_shift
from stereo.options import StereoOptions, preset
from stereo.pairs import shifted_ranges_px
from tests.stereo.comfort.draws import random_map, rules, viewings


@given(
    rules,
    viewings,
    st.one_of(st.just("auto"), st.floats(0, 1)),
    st.integers(0, 2**31),
)
@settings(max_examples=60)
def test_pairs_of_best_reach_the_limits_and_keep_them(rule, viewing, convergence, seed):
    options = preset("best", convergence=convergence)
    comfort = ComfortOptions(viewing.display_width_cm, viewing.viewing_distance_cm, comfort=rule)
    near = random_map(seed)
    settled = with_strength(options, comfort, width_px=32, cells=4)
    reached = disparity_pixels(near, settled) / 32 * 100
    crossed, uncrossed = float(reached.max()), float(-reached.min())
    allowed, hair = limits(rule, viewing), 1e-5  # of float32
    assert crossed <= allowed.crossed_percent * (1 + hair) + hair
    assert uncrossed <= allowed.uncrossed_percent * (1 + hair) + hair
    missing = min(allowed.crossed_percent - crossed, allowed.uncrossed_percent - uncrossed)
    assert settled.scale_percent == MAX_STRENGTH_PERCENT or missing <= hair * 50


@pytest.mark.parametrize("changes", [{}, {"shift_both": True}, {"rounding": "truncate"}])
@pytest.mark.parametrize("convergence", [0.0, 0.5, "auto"])
@pytest.mark.parametrize("distance_cm", [70.0, 130.0, 400.0])
def test_whole_cells_stay_inside_too(changes, convergence, distance_cm):
    options = preset("paper", convergence=convergence, **changes)
    comfort = ComfortOptions(viewing_distance_cm=distance_cm, comfort="degree")
    settled = with_strength(options, comfort, width_px=1024, cells=128)
    plan = latent_shift(relative_cells(random_map(3, (128, 128)), (128, 128), settled), settled)
    ((far, near),) = shifted_ranges_px(plan, 1024, settled)
    allowed = limits("degree", comfort)
    crossed, uncrossed = near / 1024 * 100, -far / 1024 * 100
    assert crossed <= allowed.crossed_percent and uncrossed <= allowed.uncrossed_percent
    # One step more, of a cell or of one cell for each eye, would be too much on one side. What
    # is rounded toward zero may miss the last one.
    step = 100 / 128 * (2 if settled.shift_both else 1)
    steps = 2 if settled.rounding == "truncate" else 1
    assert (
        crossed + steps * step > allowed.crossed_percent
        or uncrossed + steps * step > allowed.uncrossed_percent
    )
    assert crossed + uncrossed > 0


def test_cells_too_coarse_for_any_comfort_are_said():
    with pytest.raises(ValueError, match=r"comfort: no shift of whole latent cells, 3.1 %"):
        with_strength(preset("paper"), ComfortOptions(comfort="degree"), width_px=256, cells=32)


def test_pixels_become_percent_of_the_result():
    plain, comfort = StereoOptions(), ComfortOptions(max_disparity_px=24)
    assert with_strength(plain, comfort, width_px=512, cells=64).scale_percent == 4.6875
    with pytest.raises(ValueError, match="max_disparity_px: got 24 at 40 px"):
        with_strength(plain, comfort, width_px=40, cells=5)
    same = with_strength(plain, ComfortOptions(), width_px=512, cells=64)
    assert replace(same, parallax_limits_percent=plain.parallax_limits_percent) == plain


def test_best_starts_comfortable_wherever_it_is_called_from():
    options = preset("best")
    assert with_strength(options, ComfortOptions(), width_px=640, cells=80) == options
    asked = with_strength(options, ComfortOptions(comfort="degree"), width_px=640, cells=80)
    assert asked == options, "as the page asks for it"
    assert options.parallax_limits_percent == astuple(limits("degree", ComfortOptions()))
    reached = disparity_pixels(random_map(5), options) / 32 * 100
    crossed, uncrossed = options.parallax_limits_percent
    hair = 1e-5
    assert -uncrossed - hair <= float(reached.min()) < 0 < float(reached.max()) <= crossed + hair
