"""Comfort options: ranges, choices, and what goes together."""

import math

import pytest

from stereo.comfort.options import ComfortOptions
from stereo.options import StereoOptions


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"max_disparity_px": -1.0}, "max_disparity_px: got -1.0"),
        ({"max_disparity_px": math.nan}, "max_disparity_px: got nan, expected 0 or more"),
        (
            {"max_disparity_px": 9.0, "comfort": "zone"},
            "max_disparity_px: not together with comfor",
        ),
        ({"comfort": "some"}, "comfort: got 'some', expected one of none, degree, zone"),
        ({"display_width_cm": 0.0}, "display_width_cm: got 0.0, expected 1 to"),
        ({"viewing_distance_cm": math.nan}, "viewing_distance_cm: got nan, expected 5 to"),
    ],
)
def test_bad_options_are_one_line(changes, message):
    with pytest.raises(ValueError, match=message):
        ComfortOptions(**changes)


@pytest.mark.parametrize("changes", [{"comfort": "zone"}, {"max_disparity_px": 9.0}])
def test_a_map_in_pixels_sets_the_strength_itself(changes):
    (name,) = changes
    with pytest.raises(ValueError, match=f"{name}: not together with metric_dispar"):
        ComfortOptions(**changes).check_with(StereoOptions(metric_disparity=True))
