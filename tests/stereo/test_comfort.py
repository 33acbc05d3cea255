"""Comfort: angles against plain trigonometry, limits as published, strengths that just fit them."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from stereo.comfort.complete import shifted_ranges
from stereo.comfort.limits import (
    EYES_APART_CM,
    MAX_STRENGTH_PERCENT,
    Limits,
    Viewing,
    comfortable_strength,
    disparity_degrees,
    disparity_percent,
    limits,
    whole_steps,
)
from stereo.comfort.report import comfort_line, comfort_report
from stereo.depth.parallax import (
    SHARE_IN_FRONT,
    disparity_pixels,
    settle_strength,
    zero_parallax_plane,
)
from stereo.method.latent_shift import latent_shift
from stereo.options import StereoOptions, preset

viewings = st.builds(
    Viewing, display_width_cm=st.floats(5, 1500), viewing_distance_cm=st.floats(15, 3000)
)
rules = st.sampled_from(["degree", "zone"])
ROUNDING = 1e-6  # relative, of float64 tangents and arc tangents


def lines_of_sight_degrees(disparity_cm: float, distance_cm: float) -> float:
    """Return the angle between both eyes' directions to one point's places on a display."""
    left_eye = np.array([disparity_cm / 2 + EYES_APART_CM / 2, distance_cm])
    right_eye = np.array([-disparity_cm / 2 - EYES_APART_CM / 2, distance_cm])
    towards = [math.atan2(direction[0], direction[1]) for direction in (left_eye, right_eye)]
    return math.degrees(towards[0] - towards[1])


@given(viewings, st.floats(-40, 40))
def test_degrees_are_those_between_the_lines_of_sight(viewing, percent):
    disparity_cm = percent / 100 * viewing.display_width_cm
    seen = lines_of_sight_degrees(disparity_cm, viewing.viewing_distance_cm)
    screen = lines_of_sight_degrees(0, viewing.viewing_distance_cm)
    assert disparity_degrees(percent, viewing) == pytest.approx(seen - screen, abs=1e-9)


@given(viewings, st.floats(0.2, 20))
def test_degrees_are_those_of_the_point_that_is_seen(viewing, metres):
    """Lines of sight to a point at some distance cross the display so far apart."""
    point_cm, distance_cm = 100 * metres, viewing.viewing_distance_cm
    apart_cm = EYES_APART_CM * (distance_cm - point_cm) / point_cm
    percent = apart_cm / viewing.display_width_cm * 100
    at_point, at_screen = (
        2 * math.degrees(math.atan(EYES_APART_CM / 2 / cm)) for cm in (point_cm, distance_cm)
    )
    assert disparity_degrees(percent, viewing) == pytest.approx(at_point - at_screen, abs=1e-9)


@given(viewings, st.floats(-30, 30))
def test_degrees_and_percent_undo_each_other(viewing, percent):
    there_and_back = disparity_percent(disparity_degrees(percent, viewing), viewing)
    assert there_and_back == pytest.approx(percent, abs=1e-6)


@given(viewings)
def test_one_degree_rule(viewing):
    allowed = limits("degree", viewing)
    assert disparity_degrees(allowed.crossed_percent, viewing) == pytest.approx(1)
    behind = -disparity_degrees(-allowed.uncrossed_percent, viewing)
    parallel = EYES_APART_CM / viewing.display_width_cm * 100
    if allowed.uncrossed_percent < parallel:
        assert behind == pytest.approx(1)
    else:
        assert behind <= 1 and allowed.uncrossed_percent == parallel


@given(viewings)
def test_zone_of_comfort(viewing):
    """The points at the limits lie on the published lines, focal = slope * vergence + offset."""
    allowed, distance_m = limits("zone", viewing), viewing.viewing_distance_cm / 100

    def vergence_dioptres(percent: float) -> float:
        disparity_cm = percent / 100 * viewing.display_width_cm
        return (EYES_APART_CM + disparity_cm) / EYES_APART_CM / distance_m

    near = vergence_dioptres(allowed.crossed_percent)
    far = vergence_dioptres(-allowed.uncrossed_percent)
    assert 1.035 * near - 0.626 == pytest.approx(1 / distance_m, rel=1e-6)
    if 1 / distance_m > 0.442:
        assert 1.129 * far + 0.442 == pytest.approx(1 / distance_m, rel=1e-6)
    else:
        assert far == pytest.approx(0, abs=1e-9)


def test_cinema_is_limited_by_parallel_eyes():
    allowed = limits("degree", Viewing(1000, 1500))
    assert allowed.uncrossed_percent == pytest.approx(0.63)
    assert allowed.crossed_percent > 2


planes = st.one_of(st.none(), st.floats(0, 1))


@given(rules, viewings, planes)
def test_strength_is_inside_the_limits_and_the_largest_such(rule, viewing, plane):
    allowed = limits(rule, viewing)
    strength = comfortable_strength(allowed, plane)
    if plane is None:
        plane = allowed.uncrossed_percent / allowed.range_percent

    def inside(percent: float) -> bool:
        return (1 - plane) * percent <= allowed.crossed_percent * (1 + ROUNDING) and (
            plane * percent <= allowed.uncrossed_percent * (1 + ROUNDING)
        )

    assert inside(strength)
    assert strength == MAX_STRENGTH_PERCENT or not inside(strength * (1 + 10 * ROUNDING))


def random_map(seed: int, size: tuple[int, int] = (24, 32)) -> torch.Tensor:
    near = np.random.default_rng(seed).random(size) ** 2
    near.flat[0], near.flat[-1] = 0, 1
    return torch.from_numpy(near.astype(np.float32))[None]


@given(
    rules,
    viewings,
    st.one_of(st.just("auto"), st.floats(0, 1)),
    st.integers(0, 2**31),
)
@settings(max_examples=60)
def test_pairs_of_best_reach_the_limits_and_keep_them(rule, viewing, convergence, seed):
    options = preset(
        "best",
        comfort=rule,
        convergence=convergence,
        display_width_cm=viewing.display_width_cm,
        viewing_distance_cm=viewing.viewing_distance_cm,
    )
    near = random_map(seed)
    settled = settle_strength(options, width_px=32, cells=4)
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
    options = preset(
        "paper",
        comfort="degree",
        convergence=convergence,
        viewing_distance_cm=distance_cm,
        **changes,
    )
    settled = settle_strength(options, width_px=1024, cells=128)
    plan = latent_shift(random_map(3, (128, 128)), (128, 128), settled)
    ((far, near),) = shifted_ranges(plan, 1024, settled)
    allowed = limits("degree", settled.viewing)
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
        settle_strength(preset("paper", comfort="degree"), width_px=256, cells=32)


def test_limits_in_whole_steps():
    assert whole_steps(Limits(3.3, 0.9), 0) == Limits(3.3, 0.9)
    assert whole_steps(Limits(3.3, 0.9), 1.0) == Limits(3.0, 0.0)
    assert whole_steps(Limits(0.3, 0.3), 0.1).crossed_percent == pytest.approx(0.3)


@given(st.integers(0, 2**31))
@settings(max_examples=30)
def test_automatic_plane_leaves_thirty_percent_in_front(seed):
    near = random_map(seed)
    options = preset("best", convergence="auto")
    plane = float(zero_parallax_plane(near, options, 0.5, 4))  # half a percent: no limit is near
    in_front = float((near > plane).float().mean())
    assert in_front == pytest.approx(SHARE_IN_FRONT, abs=1 / near.numel())


def test_automatic_plane_gives_way_to_the_limits():
    options, allowed = preset("best", convergence="auto"), limits("degree", Viewing())
    flat = torch.zeros(1, 10, 10)
    flat[:, 0, 0] = 1  # one near pixel: the histogram alone would put everything in front
    plane = float(zero_parallax_plane(flat, options, 4.0, 4))
    assert (1 - plane) * 4 == pytest.approx(allowed.crossed_percent)
    plane = float(zero_parallax_plane(1 - flat, options, 4.0, 4))
    assert plane * 4 == pytest.approx(allowed.uncrossed_percent)
    plane = float(zero_parallax_plane(flat, options, 20.0, 4))
    crossed, uncrossed = (1 - plane) * 20, plane * 20
    assert crossed / allowed.crossed_percent == pytest.approx(uncrossed / allowed.uncrossed_percent)


def test_every_sample_has_a_plane_of_its_own():
    options = preset("best", convergence="auto", scale_percent=1.0)
    near = torch.cat([random_map(1), 1 - random_map(1)])
    planes = zero_parallax_plane(near, options, 1.0, 4)
    assert planes.shape == (2, 1, 1) and planes[0] != planes[1]


def test_convergence_moves_the_whole_picture_in_paper_too():
    near = torch.linspace(0, 1, 32).expand(1, 8, 32)
    plain = latent_shift(near, (8, 32), preset("paper", scale_percent=25.0)).disparity()
    held = preset("paper", scale_percent=25.0, convergence=0.5)
    assert torch.equal(latent_shift(near, (8, 32), held).disparity(), plain - 4)


def test_pixels_become_percent_of_the_result():
    options = StereoOptions(max_disparity_px=24)
    assert settle_strength(options, width_px=512, cells=64).scale_percent == 4.6875
    with pytest.raises(ValueError, match="max_disparity_px: got 24 at 40 px"):
        settle_strength(options, width_px=40, cells=5)
    plain = StereoOptions()
    assert settle_strength(plain, width_px=512, cells=64) is plain


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"max_disparity_px": -1.0}, "max_disparity_px: got -1.0"),
        (
            {"max_disparity_px": 9.0, "comfort": "zone"},
            "max_disparity_px: not together with comfor",
        ),
        ({"comfort": "zone", "metric_disparity": True}, "comfort: not together with metric_dispar"),
        ({"comfort": "some"}, "comfort: got 'some', expected one of none, degree, zone"),
        ({"convergence": "far"}, "convergence: got 'far', expected 0 to 1, or auto"),
        ({"convergence": 1.5}, "convergence: got 1.5, expected 0 to 1"),
        ({"display_width_cm": 0.0}, "display_width_cm: got 0.0, expected 1 to"),
        ({"viewing_distance_cm": math.nan}, "viewing_distance_cm: got nan, expected 5 to"),
        ({"eye": "left", "shift_both": True}, "eye: got 'left', but shift_both"),
        ({"eye": "both"}, "eye: got 'both', expected one of left, right"),
    ],
)
def test_bad_options_are_one_line(changes, message):
    with pytest.raises(ValueError, match=message):
        StereoOptions(**changes)


def test_report_says_what_was_reached():
    viewing = Viewing(100, 250)
    report = comfort_report((-2.0, 5.0), 0.0125, "degree", viewing)
    assert (report["crossed_percent"], report["uncrossed_percent"]) == (5, 2)
    assert report["crossed_degrees"] == pytest.approx(disparity_degrees(5, viewing), abs=1e-4)
    assert report["uncrossed_degrees"] == pytest.approx(-disparity_degrees(-2, viewing), abs=1e-4)
    assert report["window_violation_percent"] == 1.25 and not report["inside"]
    assert comfort_report((-2.0, 4.0), 0.0, "degree", viewing)["inside"]
    assert not comfort_report((-5.0, 4.0), 0.0, "degree", viewing)["inside"]
    line = comfort_line(report)
    assert line.startswith("comfort: crossed 5.0 % = 1.15 deg, uncrossed 2.0 % = 0.46 deg")
    assert "window violations 1.25 %" in line and "beyond" in line and "\n" not in line


def test_everything_behind_the_screen_is_not_crossed():
    report = comfort_report((-3.0, -1.0), 0.0, "zone", Viewing())
    assert (report["crossed_percent"], report["uncrossed_percent"]) == (0, 3)
