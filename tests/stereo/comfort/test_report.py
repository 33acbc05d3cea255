"""The comfort report: what was reached, beside the limits, as settings and as one line."""

import pytest

from stereo.comfort.limits import disparity_degrees
from stereo.comfort.options import Viewing
from stereo.comfort.report import comfort_line, comfort_report


def test_report_says_what_was_reached():
    viewing = Viewing(100, 250)
    report = comfort_report((-2.0, 5.0), 0.0125, "degree", viewing)
    assert (report["crossed_percent"], report["uncrossed_percent"]) == (5, 2)
    assert report["crossed_degrees"] == pytest.approx(disparity_degrees(5, viewing), abs=1e-4)
    assert report["uncrossed_degrees"] == pytest.approx(-disparity_degrees(-2, viewing), abs=1e-4)
    assert report["window_violation_percent"] == 1.25 and not report["inside"]
    assert comfort_report((-2.0, 4.0), 0.0, "degree", viewing)["inside"]
    assert not comfort_report((-5.0, 4.0), 0.0, "degree", viewing)["inside"]
    assert comfort_line(report) == (
        "nearest point 110.6 cm in front of and farthest 116.3 cm behind a 100 cm screen seen from "
        "250 cm: uncomfortable; less: --comfort; the frame cuts near objects (1.25 %): "
        "--mask_window"
    )


def test_line_is_in_plain_words():
    def line(far: float, near: float) -> str:
        return comfort_line(comfort_report((far, near), 0.0, "degree", Viewing())).rpartition(": ")

    # Similar triangles: 1.2 cm of disparity before eyes 6.3 cm apart, 70 cm away.
    assert line(0.0, 2.0)[::2] == (
        f"nearest point {1.2 * 70 / (6.3 + 1.2):.1f} cm in front of a 60 cm screen seen from 70 cm",
        "comfortable",
    )
    assert line(0.0, 0.0)[0].startswith("everything in the plane of a 60 cm screen")
    assert line(-11.0, 0.0)[0].startswith("farthest infinitely far behind a 60 cm screen")


def test_everything_behind_the_screen_is_not_crossed():
    report = comfort_report((-3.0, -1.0), 0.0, "zone", Viewing())
    assert (report["crossed_percent"], report["uncrossed_percent"]) == (0, 3)
