"""Comfort: angles against plain trigonometry, limits as published, strengths that just fit them."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stereo.comfort.limits import (
    EYES_APART_CM,
    MAX_STRENGTH_PERCENT,
    Limits,
    comfortable_strength,
    disparity_degrees,
    disparity_percent,
    limits,
    whole_steps,
)
from stereo.comfort.options import Viewing
from tests.stereo.comfort.draws import rules, viewings

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


def test_limits_in_whole_steps():
    assert whole_steps(Limits(3.3, 0.9), 0) == Limits(3.3, 0.9)
    assert whole_steps(Limits(3.3, 0.9), 1.0) == Limits(3.0, 0.0)
    assert whole_steps(Limits(0.3, 0.3), 0.1).crossed_percent == pytest.approx(0.3)
