"""Geometry of a pair without learned weights: semi-global matching, and errors of disparity."""

import cv2
import numpy as np
import torch

from stereo.method.shift import fill_with_background

OFF_BY_PX = 3.0
BLOCK_PX = 5
# SGBM counts disparity in sixteenths, and wants the range as a multiple of 16.
STEPS_PER_PX = 16
# Disparity beyond this share of the width is not looked for.
LARGEST_SHARE = 0.25


def sgbm_disparity(left: np.ndarray, right: np.ndarray, *, largest_px: float) -> np.ndarray:
    """Match two (H, W, 3) uint8 views by OpenCV's SGBM; disparity (H, W) float32, NaN unmatched.

    Disparities from 0 to at least `largest_px` are tried, beyond the left rim too.
    """
    levels = STEPS_PER_PX * max(1, int(np.ceil((largest_px + 1) / STEPS_PER_PX)))
    matcher = cv2.StereoSGBM_create(
        minDisparity=0,
        numDisparities=levels,
        blockSize=BLOCK_PX,
        P1=8 * 3 * BLOCK_PX**2,
        P2=32 * 3 * BLOCK_PX**2,
        disp12MaxDiff=1,
        uniquenessRatio=5,
        speckleWindowSize=100,
        speckleRange=2,
        mode=cv2.STEREO_SGBM_MODE_SGBM_3WAY,
    )
    # Without a margin the matcher leaves out the `levels` leftmost columns.
    margin = ((0, 0), (levels, 0), (0, 0))
    padded = [np.pad(view, margin, mode="edge") for view in (left, right)]
    raw = matcher.compute(*padded)[:, levels:].astype(np.float32)
    return np.where(raw < 0, np.nan, raw / STEPS_PER_PX).astype(np.float32)


def match_pair(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Match a pair by SGBM and fill the gaps along rows; disparity (H, W) float32."""
    return fill_rows(sgbm_disparity(left, right, largest_px=LARGEST_SHARE * left.shape[1]))


def fill_rows(disparity: np.ndarray) -> np.ndarray:
    """Fill NaN in (H, W) with the farther of the two row neighbours; empty rows copy the nearest.

    Raises:
        ValueError: when there is no value at all.
    """
    finite = np.isfinite(disparity)
    if not finite.any():
        raise ValueError("disparity: got no known pixel, expected some")
    values, valid = (
        torch.from_numpy(a)[None, None] for a in (disparity.astype(np.float32), finite)
    )
    rows = fill_with_background(values, valid)[0, 0].numpy()
    with_values = np.flatnonzero(finite.any(axis=1))
    nearest = np.abs(np.arange(len(rows))[:, None] - with_values).argmin(axis=1)
    return rows[with_values[nearest]]


def end_point_error(
    output: np.ndarray, target: np.ndarray, mask: np.ndarray | None = None
) -> float:
    """Return the mean absolute error in px of disparity (H, W) where the target is known."""
    errors_px = _errors(output, target, mask)
    return float(errors_px.mean()) if errors_px.size else float("nan")


def share_off(output: np.ndarray, target: np.ndarray, mask: np.ndarray | None = None) -> float:
    """Return the share (0 to 1) of known pixels whose disparity is off by more than 3 px (D3)."""
    errors_px = _errors(output, target, mask)
    return float((errors_px > OFF_BY_PX).mean()) if errors_px.size else float("nan")


def _errors(output: np.ndarray, target: np.ndarray, mask: np.ndarray | None) -> np.ndarray:
    counted = np.isfinite(target) if mask is None else np.isfinite(target) & mask
    return np.abs(output[counted].astype(np.float64) - target[counted])
