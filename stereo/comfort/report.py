"""What a finished pair asks of the eyes: its parallaxes on a display, and whether that is fine."""

from typing import Any

from stereo.comfort.limits import EYES_APART_CM, Rule, Viewing, disparity_degrees, limits

# Shifts are float32 and ranges rounded: so much of the width is no parallax.
HAIR_PERCENT = 1e-3


def comfort_report(
    reached_percent: tuple[float, float], violations: float, rule: Rule, viewing: Viewing
) -> dict[str, Any]:
    """Return largest parallaxes, limits, and whether the ones are inside the others, JSON-able.

    Args:
        reached_percent: disparities in percent of the width where it is farthest and nearest,
            positive in front of the screen.
        violations: share of both views' pixels, as `stereo.comfort.window.violation_share` gives.
        rule: whose limits count.
        viewing: the display.
    """
    crossed, uncrossed = max(0.0, *reached_percent), max(0.0, *(-end for end in reached_percent))
    allowed = limits(rule, viewing)
    figures = {
        "crossed_percent": crossed,
        "crossed_degrees": disparity_degrees(crossed, viewing),
        "crossed_limit_percent": allowed.crossed_percent,
        "uncrossed_percent": uncrossed,
        "uncrossed_degrees": -disparity_degrees(-uncrossed, viewing),
        "uncrossed_limit_percent": allowed.uncrossed_percent,
        "window_violation_percent": 100 * violations,
        "display_width_cm": viewing.display_width_cm,
        "viewing_distance_cm": viewing.viewing_distance_cm,
        "eyes_apart_cm": EYES_APART_CM,
    }
    inside = (
        crossed <= allowed.crossed_percent + HAIR_PERCENT
        and uncrossed <= allowed.uncrossed_percent + HAIR_PERCENT
    )
    rounded = {name: round(abs(value), 4) for name, value in figures.items()}
    return {**rounded, "rule": rule, "inside": inside}


def comfort_line(report: dict[str, Any]) -> str:
    """Return a comfort report as one line for people."""
    crossed_cm, uncrossed_cm = (
        report[f"{side}_percent"] / 100 * report["display_width_cm"]
        for side in ("crossed", "uncrossed")
    )
    words = [
        *([f"nearest point {_depth_words(crossed_cm, report)} in front of"] if crossed_cm else []),
        *([f"farthest {_depth_words(-uncrossed_cm, report)} behind"] if uncrossed_cm else []),
    ]
    place = " and ".join(words) or "everything in the plane of"
    verdict = "comfortable" if report["inside"] else "uncomfortable"
    advice = "" if report["inside"] else "; less: --comfort"
    cut = report["window_violation_percent"]
    window = f"; the frame cuts near objects ({cut:.2f} %): --mask_window" if cut >= 0.01 else ""
    width_cm, distance_cm = report["display_width_cm"], report["viewing_distance_cm"]
    return (
        f"{place} a {width_cm:g} cm screen seen from {distance_cm:g} cm: {verdict}{advice}{window}"
    )


def _depth_words(disparity_cm: float, report: dict[str, Any]) -> str:
    """Return how far from the screen a disparity on it is seen, by similar triangles."""
    apart = report["eyes_apart_cm"] + disparity_cm
    if apart <= 0:
        return "infinitely far"
    return f"{abs(disparity_cm) * report['viewing_distance_cm'] / apart:.1f} cm"
