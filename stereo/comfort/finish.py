"""What a finished pair gets: its comfort report, and its sides cropped or black."""

from dataclasses import asdict, replace

import numpy as np

from stereo.comfort.options import ComfortOptions
from stereo.comfort.report import comfort_report
from stereo.comfort.window import (
    mask_strips,
    uncovered_strips,
    violation_share,
    window_strips,
    window_violations,
)
from stereo.pair import StereoPair
from stereo.pixels.warp import own_disparity


def with_comfort(pair: StereoPair, comfort: ComfortOptions) -> StereoPair:
    """Return a pair with its comfort in the settings, its borders as chosen.

    Args:
        pair: its settings have the pixels that disparity 0 and 1 stand for, `disparity_range_px`;
            without them it comes back as it is.
        comfort: the display and the rule to judge by.
    """
    if "disparity_range_px" not in pair.settings:
        return pair  # of other software, say: nobody knows
    if comfort.borders == "crop":
        pair = cropped(pair)
    far_px, near_px = pair.settings["disparity_range_px"]
    left_px, right_px = (
        unit if unit is None else (far_px + unit * (near_px - far_px)).astype(np.float32)
        for unit in (pair.disparity, pair.right_disparity)
    )
    if right_px is None:
        right_px = own_disparity(left_px, of="right")
    masks = window_violations(left_px, right_px)
    far, near = (end / pair.left.shape[1] * 100 for end in (far_px, near_px))
    report = comfort_report((far, near), violation_share(masks), comfort.rule, comfort)
    settings = {**pair.settings, **asdict(comfort), "comfort_report": report}
    if comfort.borders != "window":
        return replace(pair, settings=settings)
    strips = window_strips(masks)
    left, right = mask_strips(pair.left, pair.right, strips)
    settings["window_strips_px"] = list(strips)
    return replace(pair, left=left, right=right, settings=settings)


def cropped(pair: StereoPair) -> StereoPair:
    """Return a pair without the columns at its sides into which anything came into view.

    Raises:
        ValueError: when none would remain.
    """
    width = pair.valid.shape[1]
    first, last = uncovered_strips(pair.valid)
    if pair.settings.get("shift_both"):
        first = last = max(first, last)  # each view's own is one of them
    if first + last >= width:
        raise ValueError(f"borders: got 'crop', but all of the {width} columns come into view")
    columns = slice(first, width - last)
    right_px = pair.right_disparity
    return replace(
        pair,
        left=pair.left[:, columns],
        right=pair.right[:, columns],
        disparity=pair.disparity[:, columns],
        valid=pair.valid[:, columns],
        right_disparity=None if right_px is None else right_px[:, columns],
        settings={**pair.settings, "cropped_columns": [first, last]},
    )
