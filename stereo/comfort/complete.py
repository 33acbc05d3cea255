"""What every finished pair gets: its eyes in order, a window, the range and comfort it reached."""

from dataclasses import replace

import numpy as np
from torch import Tensor

from stereo.comfort.report import comfort_report
from stereo.comfort.window import mask_strips, violation_share, window_strips, window_violations
from stereo.method.latent_shift import LatentShift
from stereo.options import StereoOptions
from stereo.pair import StereoPair
from stereo.pixels.warp import own_disparity

Range = tuple[float, float]


def shifted_ranges(plan: LatentShift, width_px: int, options: StereoOptions) -> list[Range]:
    """Return every sample's disparity in pixels where it is farthest and where it is nearest.

    Positive is in front of the screen. With a negative scale, which exchanges the eyes as
    published, the nearest is the smaller one.
    """
    cell_px = width_px / plan.right.shape[-1]
    towards = 1 if options.eye == "right" else -1
    return _ends(plan.disparity() * (cell_px * towards), reverse=options.scale_percent < 0)


def exact_ranges(disparity_px: np.ndarray) -> list[Range]:
    """Return the least and the largest of every map of (n, H, W)."""
    return [(float(near.min()), float(near.max())) for near in disparity_px]


def complete(pair: StereoPair, reached: Range, options: StereoOptions) -> StereoPair:
    """Return a pair with left and right as the eyes have them, and its comfort in the settings.

    Args:
        pair: its left view is the one that the other was made of, and its disparity that of
            what was shifted.
        reached: disparity in pixels that its disparity of 0 and 1 stand for.
        options: of the run.
    """
    left_px, right_px = _own_maps(pair.disparity, reached, options)
    if options.eye == "left":
        pair = replace(pair, left=pair.right, right=pair.left)
    if options.eye == "left" or options.shift_both:
        pair = replace(pair, disparity=_unit(left_px, reached))
    masks = window_violations(left_px, right_px)
    far, near = (end / pair.left.shape[1] * 100 for end in reached)
    rule = "degree" if options.comfort == "none" else options.comfort
    settings = {
        **pair.settings,
        "disparity_range_px": [round(end, 4) + 0.0 for end in reached],
        "comfort_report": comfort_report(
            (far, near), violation_share(masks), rule, options.viewing
        ),
    }
    if not options.mask_window:
        return replace(pair, settings=settings)
    strips = window_strips(masks)
    left, right = mask_strips(pair.left, pair.right, strips)
    settings["window_strips_px"] = list(strips)
    return replace(pair, left=left, right=right, settings=settings)


def _ends(values: Tensor, *, reverse: bool) -> list[Range]:
    low, high = (end.tolist() for end in (values.amin((1, 2)), values.amax((1, 2))))
    return list(zip(high, low, strict=True) if reverse else zip(low, high, strict=True))


def _own_maps(
    disparity: np.ndarray, reached: Range, options: StereoOptions
) -> tuple[np.ndarray, np.ndarray]:
    """Return both views' own disparities (H, W) in pixels, from that of what they were made of."""
    low, high = reached
    made_of = (low + disparity * (high - low)).astype(np.float32)
    if options.shift_both:
        # Each view moved by half, away from one in the middle.
        left, right = (2 * own_disparity(made_of / 2, of=eye) for eye in ("left", "right"))
        return left, right
    if options.eye == "left":
        return own_disparity(made_of, of="left"), made_of
    return made_of, own_disparity(made_of, of="right")


def _unit(disparity_px: np.ndarray, reached: Range) -> np.ndarray:
    low, high = reached
    unit = (disparity_px - low) / (high - low) if high != low else np.zeros_like(disparity_px)
    return unit.clip(0, 1).astype(np.float32)
