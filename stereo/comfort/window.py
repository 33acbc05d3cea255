"""The screen as a window: what stands in front of it and is cut by one of its sides.

A near object at the left side of the picture is seen further by the left eye than by the right
one, as if the window's frame, which is behind it, hid it. Eyes cannot make sense of that. A black
strip over what one eye alone sees moves that side of the frame forward (a floating window).
"""

import numpy as np


def window_violations(left_px: np.ndarray, right_px: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return what each view alone shows of objects in front of the screen, two masks (H, W).

    Args:
        left_px: (H, W) disparity of the left view, positive in front of the screen.
        right_px: the same of the right view.

    Returns:
        Pixels of the left view whose place in the right one is beyond its left side, and pixels
        of the right view whose place in the left one is beyond its right side.
    """
    centres = np.arange(left_px.shape[1]) + 0.5
    return left_px > centres, right_px > centres[::-1]


def violation_share(masks: tuple[np.ndarray, np.ndarray]) -> float:
    """Return the share of both views' pixels that `window_violations` found."""
    return float(np.mean([mask.mean() for mask in masks]))


def window_strips(masks: tuple[np.ndarray, np.ndarray]) -> tuple[int, int]:
    """Return the widths of the strips over `window_violations`, straight as a frame is.

    The first is for the left side of the left view, the second for the right side of the right.
    """
    left, right = (np.flatnonzero(mask.any(axis=0)) for mask in masks)
    width = masks[0].shape[1]
    return (
        int(left.max()) + 1 if left.size else 0,
        width - int(right.min()) if right.size else 0,
    )


def mask_strips(
    left: np.ndarray, right: np.ndarray, strips: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Return the views (H, W, 3) with black strips of these widths, as `window_strips` gives."""
    left, right = left.copy(), right.copy()
    left[:, : strips[0]] = 0
    right[:, right.shape[1] - strips[1] :] = 0
    return left, right


def uncovered_strips(valid: np.ndarray) -> tuple[int, int]:
    """Return how far holes (False in `valid`, (H, W)) reach in from the left and the right side."""
    runs = [np.minimum.accumulate(side, axis=1).sum(axis=1) for side in (~valid, ~valid[:, ::-1])]
    return int(runs[0].max()), int(runs[1].max())
