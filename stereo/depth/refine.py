"""A predicted map fitted to the edges of its picture, at the picture's own size.

Where a map rises from what is behind to what is in front, the network has blurred an edge over
some pixels. There each pixel is asked which side it belongs to, the answer is smoothed along the
picture's own edges by a guided filter (K. He, J. Sun, X. Tang, "Guided Image Filtering", IEEE
TPAMI 35(6), 2013), and the ramp becomes a step. Everywhere else the map stays as it is.
"""

import cv2
import numpy as np

# How far an edge may move, in percent of the width, and how many times that the guide looks.
RADIUS_PERCENT, GUIDE_RADII = 0.7, 2
# Grey levels (of 1), squared, that count as no edge.
EPSILON = 1e-4
# From the share of the near side to the step: the larger, the steeper.
STEEPNESS = 20.0
# Where a map rises by less than this share of its range it has no edge; by twice that it has one.
EDGE_SHARE = 0.03


def refine(disparity: np.ndarray, picture: np.ndarray) -> np.ndarray:
    """Return disparity (H, W) float32 whose edges are those of the picture (H, W, 3) uint8.

    No value leaves the range of the map; its unit does not matter.
    """
    values = disparity.astype(np.float32)
    radius_px = max(1, round(RADIUS_PERCENT / 100 * values.shape[1]))
    window = np.ones((2 * radius_px + 1,) * 2, np.uint8)
    # Smoothed, as the sides of a window jump where it reaches the next object.
    far, near = (
        cv2.blur(side, (radius_px | 1, radius_px | 1))
        for side in (cv2.erode(values, window), cv2.dilate(values, window))
    )
    rise, span = near - far, float(np.ptp(values))
    if span == 0:
        return values
    guide = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255
    share = guided_filter(
        guide, (values - far) / np.maximum(rise, 1e-6 * span), GUIDE_RADII * radius_px
    )
    step = far + rise / (1 + np.exp(-STEEPNESS * (share - 0.5)))
    weight = np.clip(rise / (EDGE_SHARE * span) - 1, 0, 1)
    refined = values + weight * (step - values)
    return refined.clip(values.min(), values.max()).astype(np.float32)


def guided_filter(guide: np.ndarray, values: np.ndarray, radius_px: int) -> np.ndarray:
    """Smooth values (H, W) along the edges of a guide (H, W) in [0, 1], both float32."""
    mean_guide, mean = _box(guide, radius_px), _box(values, radius_px)
    variance = _box(guide * guide, radius_px) - mean_guide * mean_guide
    slope = (_box(guide * values, radius_px) - mean_guide * mean) / (variance + EPSILON)
    offset = mean - slope * mean_guide
    return _box(slope, radius_px) * guide + _box(offset, radius_px)


def _box(values: np.ndarray, radius_px: int) -> np.ndarray:
    side_px = 2 * radius_px + 1
    return cv2.blur(values, (side_px, side_px), borderType=cv2.BORDER_REFLECT)
