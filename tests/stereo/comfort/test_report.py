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
    line = comfort_line(report)
    assert line.startswith("comfort: crossed 5.0 % = 1.15 deg, uncrossed 2.0 % = 0.46 deg")
    assert "window violations 1.25 %" in line and "beyond" in line and "\n" not in line


def test_everything_behind_the_screen_is_not_crossed():
    report = comfort_report((-3.0, -1.0), 0.0, "zone", Viewing())
    assert (report["crossed_percent"], report["uncrossed_percent"]) == (0, 3)
