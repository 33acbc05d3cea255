"""Pictures of what a pair was made from: its disparity and its holes."""

from io import BytesIO

import numpy as np

from stereo.pair import StereoPair

# Dark blue over green to yellow, near = bright; a few stops, linear in between.
NEAR_COLOURS = np.array(
    [[22, 14, 60], [52, 60, 140], [38, 120, 142], [45, 170, 120], [150, 215, 65], [253, 231, 60]],
    np.float64,
)


def disparity_16bit(pair: StereoPair) -> np.ndarray:
    """Return the left view's disparity (H, W) uint16, near = bright, [0, 1] -> 0..65535."""
    return np.rint(pair.disparity.astype(np.float64).clip(0, 1) * 65535).astype(np.uint16)


def disparity_colour(pair: StereoPair) -> np.ndarray:
    """Return the left view's disparity (H, W, 3) uint8 in false colours."""
    return false_colours(pair.disparity)


def false_colours(unit: np.ndarray) -> np.ndarray:
    """Draw disparity (H, W) in [0, 1] as (H, W, 3) uint8, near = yellow."""
    place = unit.astype(np.float64).clip(0, 1) * (len(NEAR_COLOURS) - 1)
    lower = np.minimum(place.astype(int), len(NEAR_COLOURS) - 2)
    share = (place - lower)[..., None]
    colours = NEAR_COLOURS[lower] * (1 - share) + NEAR_COLOURS[lower + 1] * share
    return np.rint(colours).astype(np.uint8)


def hole_mask(pair: StereoPair) -> np.ndarray:
    """Return the made view's holes (H, W) uint8: 255 = invented, 0 = came from the shift.

    It is the right view, with `eye` left the left one; where both move, the right one's alone.
    """
    return np.where(pair.valid, 0, 255).astype(np.uint8)


def rgbd(pair: StereoPair) -> np.ndarray:
    """Put the left view beside its disparity as grey, (H, 2W, 3) uint8."""
    grey = np.rint(pair.disparity.clip(0, 1) * 255).astype(np.uint8)
    return np.concatenate([pair.left, np.repeat(grey[..., None], 3, axis=2)], axis=1)


def encode_npy(pair: StereoPair) -> bytes:
    """Encode the left view's disparity (H, W) float32 as a NumPy file."""
    buffer = BytesIO()
    np.save(buffer, pair.disparity.astype(np.float32))
    return buffer.getvalue()
