"""What a finished pair gets: its comfort report, and black strips where the display cuts it."""

from dataclasses import asdict, replace

import numpy as np

from stereo.comfort.options import ComfortOptions
from stereo.comfort.report import comfort_report
from stereo.comfort.window import (
    mask_strips,
    own_disparity,
    violation_share,
    window_strips,
    window_violations,
)
from stereo.pair import StereoPair


def with_comfort(pair: StereoPair, comfort: ComfortOptions) -> StereoPair:
    """Return a pair with its comfort in the settings, and with `mask_window` its strips.

    Args:
        pair: with the left view's disparity, and in its settings the pixels that disparity 0 and
            1 stand for (`disparity_range_px`).
        comfort: the display and the rule to judge by.
    """
    far_px, near_px = pair.settings["disparity_range_px"]
    left_px = (far_px + pair.disparity * (near_px - far_px)).astype(np.float32)
    masks = window_violations(left_px, own_disparity(left_px, of="right"))
    far, near = (end / pair.left.shape[1] * 100 for end in (far_px, near_px))
    report = comfort_report((far, near), violation_share(masks), comfort.rule, comfort)
    settings = {**pair.settings, **asdict(comfort), "comfort_report": report}
    if not comfort.mask_window:
        return replace(pair, settings=settings)
    strips = window_strips(masks)
    left, right = mask_strips(pair.left, pair.right, strips)
    settings["window_strips_px"] = list(strips)
    return replace(pair, left=left, right=right, settings=settings)
