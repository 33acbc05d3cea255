"""Wiggle pictures: both views and views in between, shown in a loop to eyes without glasses."""

from dataclasses import replace

import cv2
import numpy as np

from stereo.pair import StereoPair

IN_BETWEEN = 3
FRAME_MS = 90
# A loop is looked at as it is: larger ones take minutes to make and more than a screen to show.
WIGGLE_PX = 1280


def wiggle_frames(pair: StereoPair, *, in_between: int = IN_BETWEEN) -> list[np.ndarray]:
    """Return frames (h, w, 3) uint8 of one loop: left, views in between, right, and back.

    Their longer side has at most the settings' `wiggle_px`, else `WIGGLE_PX`.
    """
    pair = at_most(pair, int(pair.settings.get("wiggle_px", WIGGLE_PX)))
    places = np.linspace(0, 1, in_between + 2)[1:-1]
    middle = [view_between(pair, float(place)) for place in places]
    return [pair.left, *middle, pair.right, *reversed(middle)]


def at_most(pair: StereoPair, side_px: int) -> StereoPair:
    """Return a pair whose longer side has at most so many pixels, its shifts made smaller too."""
    height, width = pair.left.shape[:2]
    scale = side_px / max(height, width)
    if scale >= 1:
        return pair
    size = max(1, round(width * scale)), max(1, round(height * scale))
    left, right, disparity, valid = (
        cv2.resize(values, size, interpolation=cv2.INTER_AREA)
        for values in (pair.left, pair.right, pair.disparity, pair.valid.astype(np.float32))
    )
    low, high = (end * size[0] / width for end in disparity_range_px(pair))
    settings = {**pair.settings, "disparity_range_px": [low, high]}
    return replace(
        pair, left=left, right=right, disparity=disparity, valid=valid > 0.5, settings=settings
    )


def view_between(pair: StereoPair, place: float) -> np.ndarray:
    """Return the view (H, W, 3) uint8 at `place` between the left eye (0) and the right one (1).

    The left view moves by its disparity, near over far; what it does not show comes from the
    right view, moved by the disparity of the background beside the gap.
    """
    height, width = pair.disparity.shape
    shift_px = shift_to_right_px(pair)
    columns, rows = np.arange(width), np.arange(height)
    target = np.rint(columns - place * shift_px).astype(int)
    moved = np.full((height, width), np.inf)  # shift of what lands, infinite in gaps
    source = np.zeros((height, width), int)
    # Far pixels first, so that nearer ones overwrite them.
    for column in np.argsort(shift_px, axis=1, kind="stable").T:
        landing = target[rows, column]
        inside = (landing >= 0) & (landing < width)
        moved[rows[inside], landing[inside]] = shift_px[rows[inside], column[inside]]
        source[rows[inside], landing[inside]] = column[inside]
    frame = pair.left[rows[:, None], source]
    gap = np.isinf(moved)
    behind = np.rint(columns - (1 - place) * _background_beside(moved)).astype(int)
    frame[gap] = pair.right[rows[:, None], behind.clip(0, width - 1)][gap]
    return frame


def shift_to_right_px(pair: StereoPair) -> np.ndarray:
    """Return how far each pixel of the left view lies further left in the right one (H, W)."""
    low, high = disparity_range_px(pair)
    return low + pair.disparity.astype(np.float64) * (high - low)


def disparity_range_px(pair: StereoPair) -> tuple[float, float]:
    """Return the pixels that disparity 0 and 1 stand for: the settings', else 0 and the scale."""
    scale_px = abs(float(pair.settings.get("scale_percent", 0))) / 100 * pair.left.shape[1]
    low, high = pair.settings.get("disparity_range_px", (0.0, scale_px))
    return float(low), float(high)


def _background_beside(moved: np.ndarray) -> np.ndarray:
    """Fill gaps of (H, W) with the smaller of the finite values at their two ends."""
    beside = np.minimum(_carry(moved), _carry(moved[:, ::-1])[:, ::-1])
    return np.where(np.isfinite(beside), beside, 0.0)


def _carry(values: np.ndarray) -> np.ndarray:
    """Repeat the last finite value along each row."""
    places = np.where(np.isfinite(values), np.arange(values.shape[1]), 0)
    return np.take_along_axis(values, np.maximum.accumulate(places, axis=1), axis=1)
