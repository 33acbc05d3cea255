"""Is a pair comfortable to see: parallax on a display, in degrees, and the limits stated for it.

Two rules are known, both about the largest disparity of a picture:

* `degree`: at most one degree to either side of the screen. M. Lambooij, W. IJsselsteijn,
  M. Fortuin, I. Heynderickx, "Visual Discomfort and Visual Fatigue of Stereoscopic Displays: A
  Review", Journal of Imaging Science and Technology 53(3), 2009.
* `zone`: the distances, in dioptres, to which eyes that focus on the screen may converge without
  discomfort. T. Shibata, J. Kim, D. Hoffman, M. Banks, "The zone of comfort: Predicting visual
  discomfort with stereo displays", Journal of Vision 11(8):11, 2011.

Under both, eyes never have to diverge. Crossed parallax is in front of the screen, uncrossed
behind it; disparity is positive in front, as everywhere in this package.
"""

import math
from dataclasses import dataclass

from stereo.comfort.options import Rule, Viewing

# Mean of adults (N. Dodgson, "Variation and extrema of human interpupillary distance", 2004).
EYES_APART_CM = 6.3
DEGREE_LIMIT = 1.0
# Shibata et al.: focal distance = slope * vergence distance + offset, both in dioptres.
NEAR_SLOPE, NEAR_OFFSET = 1.035, -0.626
FAR_SLOPE, FAR_OFFSET = 1.129, 0.442
# The options' largest strength, in percent of the width.
MAX_STRENGTH_PERCENT = 50.0


@dataclass(frozen=True)
class Limits:
    """The largest comfortable crossed and uncrossed parallax, in percent of the width."""

    crossed_percent: float
    uncrossed_percent: float

    @property
    def range_percent(self) -> float:
        """Return the whole range from the farthest to the nearest."""
        return self.crossed_percent + self.uncrossed_percent


def disparity_degrees(percent: float, viewing: Viewing) -> float:
    """Return the angle of a disparity in percent of the width, positive in front of the screen.

    It is by how much the eyes converge more than on the screen, for a point straight ahead:
    2 atan((e + d) / 2D) - 2 atan(e / 2D), with d the disparity on the display, e the distance
    between the eyes and D that to the display. Beyond d = -e they would have to diverge.
    """
    disparity_cm = percent / 100 * viewing.display_width_cm
    return math.degrees(_vergence(EYES_APART_CM + disparity_cm, viewing) - _screen(viewing))


def disparity_percent(degrees: float, viewing: Viewing) -> float:
    """Return the disparity in percent of the width that has an angle, as `disparity_degrees`."""
    half = (math.radians(degrees) + _screen(viewing)) / 2
    disparity_cm = 2 * viewing.viewing_distance_cm * math.tan(half) - EYES_APART_CM
    return disparity_cm / viewing.display_width_cm * 100


def limits(rule: Rule, viewing: Viewing) -> Limits:
    """Return what a rule allows on a display.

    `degree`: the disparities of +1 and -1 degree. `zone`, with F = 1 / D the screen's distance in
    dioptres: points at vergence distances from (F - 0.442) / 1.129 to (F + 0.626) / 1.035
    dioptres, where a point at V dioptres has the disparity e (V D - 1). Never less than -e, which
    is infinitely far; at F < 0.442 the zone reaches beyond it.
    """
    if rule == "degree":
        crossed = disparity_percent(DEGREE_LIMIT, viewing)
        uncrossed = -disparity_percent(-DEGREE_LIMIT, viewing)
    else:
        distance_m = viewing.viewing_distance_cm / 100
        crossed = _at_dioptres((1 / distance_m - NEAR_OFFSET) / NEAR_SLOPE, viewing)
        uncrossed = -_at_dioptres((1 / distance_m - FAR_OFFSET) / FAR_SLOPE, viewing)
    parallel = EYES_APART_CM / viewing.display_width_cm * 100
    return Limits(max(crossed, 0.0), min(max(uncrossed, 0.0), parallel))


def whole_steps(allowed: Limits, step_percent: float) -> Limits:
    """Round limits down to multiples of a step, for shifts of whole cells; 0 leaves them alone."""
    if step_percent <= 0:
        return allowed
    # A hair more than the limit counts as the limit: quotients of floats are not exact.
    crossed, uncrossed = (
        math.floor(percent / step_percent + 1e-9) * step_percent
        for percent in (allowed.crossed_percent, allowed.uncrossed_percent)
    )
    return Limits(crossed, uncrossed)


def comfortable_strength(allowed: Limits, plane: float | None) -> float:
    """Return the largest range of disparities, in percent of the width, inside the limits.

    With a share `plane` of the range behind the screen, 1 - plane of it is in front, so the
    strength is the smaller one of crossed / (1 - plane) and uncrossed / plane; with None the
    plane is free to use both limits to the full. Never more than half of the width.
    """
    if plane is None:
        return min(allowed.range_percent, MAX_STRENGTH_PERCENT)
    in_front = allowed.crossed_percent / (1 - plane) if plane < 1 else math.inf
    behind = allowed.uncrossed_percent / plane if plane > 0 else math.inf
    return min(in_front, behind, MAX_STRENGTH_PERCENT)


def _vergence(apart_cm: float, viewing: Viewing) -> float:
    """Return the angle in radians between two lines of sight that start so far apart."""
    return 2 * math.atan(apart_cm / (2 * viewing.viewing_distance_cm))


def _screen(viewing: Viewing) -> float:
    return _vergence(EYES_APART_CM, viewing)


def _at_dioptres(vergence: float, viewing: Viewing) -> float:
    """Return the disparity in percent of the width of a point at 1 / vergence metres."""
    disparity_cm = EYES_APART_CM * (vergence * viewing.viewing_distance_cm / 100 - 1)
    return disparity_cm / viewing.display_width_cm * 100
