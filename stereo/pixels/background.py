"""What a hole of a warped view lies behind, and what beside it belongs to its background."""

from dataclasses import dataclass

import cv2
import numpy as np

from stereo.pixels.warp import JUMP_PX

# The colours of a near object's rim reach so far onto what is behind it.
GUARD_SHARE = 1 / 512


@dataclass(frozen=True)
class Background:
    """Where the holes of a view (H, W) are continued from.

    Attributes:
        usable: (H, W) bool, pixels whose colours may enter the holes near them.
        stained: (H, W) bool, background that shows the rim of the object before it.
        border: (H, W) int32, column of the usable pixel that each row continues a hole from.
        is_right: (H, W) bool, whether that is on the hole's right side.
    """

    usable: np.ndarray
    stained: np.ndarray
    border: np.ndarray
    is_right: np.ndarray


def background_of(valid: np.ndarray, disparity_px: np.ndarray) -> Background:
    """Find the background of a view's holes (False in `valid`, (H, W)).

    A hole's row has the farther of its two sides as background. Nothing nearer than half-way to
    the other side may enter, nor what is so close to the hole that the object's rim stains it.
    Beside the picture's sides, where only one side is known, all of it counts as background.

    Args:
        valid: (H, W) bool.
        disparity_px: (H, W) float32 of the same view; what it holds in holes does not matter.
    """
    width = valid.shape[1]
    before, after = nearest_columns(valid)
    left, right = (
        np.where(is_there, np.take_along_axis(disparity_px, columns.clip(0, width - 1), 1), np.inf)
        for columns, is_there in ((before, before >= 0), (after, after < width))
    )
    is_right = right <= left
    guard_px = max(1, round(GUARD_SHARE * width))
    with np.errstate(invalid="ignore"):
        # Less is a step of a map in few levels, and both sides are one surface.
        jump = np.abs(left - right) > max(JUMP_PX, 2 * guard_px)
        limit = np.where(jump & np.isfinite(left + right), (left + right) / 2, np.inf)
    limit = _of_nearest_hole(limit.astype(np.float32), valid)
    behind = valid & (disparity_px <= limit)
    near_hole = cv2.dilate((~valid).astype(np.uint8), np.ones((2 * guard_px + 1,) * 2, np.uint8))
    stained = behind & (near_hole > 0) & np.isfinite(limit)
    usable = behind & ~stained
    before, after = nearest_columns(usable)
    is_right = (after < width) & (is_right | (before < 0))
    border = np.where(is_right, after, before).clip(0, width - 1)
    return Background(usable, stained, border, is_right)


def nearest_columns(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return each pixel's nearest column in `mask` (H, W) to the left and to the right, int32.

    -1 and the width stand for none; a pixel in the mask has its own column twice.
    """
    width = mask.shape[1]
    columns = np.arange(width, dtype=np.int32)
    before = np.maximum.accumulate(np.where(mask, columns, np.int32(-1)), axis=1)
    after = np.minimum.accumulate(np.where(mask, columns, np.int32(width))[:, ::-1], axis=1)
    return before, after[:, ::-1]


def _of_nearest_hole(values: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """Give every pixel the value (H, W) of the hole pixel nearest to it."""
    labels = cv2.distanceTransformWithLabels(
        valid.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )[1]
    of_label = np.full(labels.max() + 1, np.inf, values.dtype)
    of_label[labels[~valid]] = values[~valid]
    return of_label[labels]
