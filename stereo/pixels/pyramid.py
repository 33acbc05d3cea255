"""Pictures at halved sizes: smooth continuation into what is unknown, and means of any size."""

import cv2
import numpy as np

# Below so many pixels a side a picture is one colour.
SMALLEST_PX = 2
# Weights of a pyramid's kernel are at least this much where one of four pixels is known.
KNOWN_GAIN = 4.0
LEVELS = 10
KERNEL = np.array([[1], [4], [6], [4], [1]], np.float32) / 16


def push_pull(image: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Continue an image smoothly where its weight is 0 (push and pull, Gortler et al. 1996).

    What is unknown takes the mean of what is known around it, over an area that grows with the
    distance from there.

    Args:
        image: (H, W, C) float32.
        weight: (H, W) float32 in [0, 1].
    """
    height, width = weight.shape
    share = weight[..., None]
    if min(height, width) <= SMALLEST_PX:
        total = max(float(weight.sum()), 1e-6)
        return share * image + (1 - share) * ((image * share).sum((0, 1)) / total)
    weighed = cv2.pyrDown(np.concatenate([image * share, share], axis=2))
    coarse = push_pull(
        weighed[..., :-1] / np.maximum(weighed[..., -1:], 1e-6),
        np.minimum(KNOWN_GAIN * weighed[..., -1], 1),
    )
    smooth = cv2.pyrUp(coarse, dstsize=(width, height))
    smooth += share * (image - smooth)
    return smooth


def pyramid(image: np.ndarray) -> list[np.ndarray]:
    """Return an image (H, W, C) and what remains of it at each half of its size."""
    levels = [image]
    while min(levels[-1].shape[:2]) > SMALLEST_PX and len(levels) < LEVELS:
        levels.append(cv2.pyrDown(levels[-1]))
    return levels


def row_pyramid(image: np.ndarray) -> list[np.ndarray]:
    """Return an image (H, W, C) and it with half as many rows each; columns stay apart."""
    levels = [image]
    while len(levels[-1]) > SMALLEST_PX and len(levels) < LEVELS:
        smooth = cv2.sepFilter2D(levels[-1], -1, np.ones((1, 1), np.float32), KERNEL)
        levels.append(smooth[::2])
    return levels


def look_up(
    levels: list[np.ndarray], rows: np.ndarray, columns: np.ndarray, level: np.ndarray
) -> np.ndarray:
    """Return what n pixels show at fractional levels of a pyramid, (n, C) float32.

    Args:
        levels: of `pyramid` or `row_pyramid`.
        rows: (n,) at the first level's size.
        columns: (n,) likewise.
        level: (n,), 0 the picture itself; each one more is the mean over twice the size.
    """
    level = level.clip(0, len(levels) - 1)
    result = np.zeros((len(rows), levels[0].shape[2]), np.float32)
    for k, image in enumerate(levels):
        share = 1 - np.abs(level - k)
        (chosen,) = np.nonzero(share > 0)
        values = _between(image, rows[chosen], columns[chosen], levels[0].shape)
        result[chosen] += values * share[chosen, None].astype(np.float32)
    return result


def _between(
    image: np.ndarray, rows: np.ndarray, columns: np.ndarray, full: tuple[int, ...]
) -> np.ndarray:
    """Interpolate a level (h, w, C) bilinearly at pixels of the full size (H, W, C): (n, C)."""
    (top, bottom, down), (left, right, along) = (
        _neighbours(places, length, full_length)
        for places, length, full_length in zip((rows, columns), image.shape, full, strict=False)
    )
    upper = image[top, left] + along * (image[top, right] - image[top, left])
    lower = image[bottom, left] + along * (image[bottom, right] - image[bottom, left])
    return upper + down * (lower - upper)


def _neighbours(
    places: np.ndarray, length: int, full: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the two indices around each place at a level's length, and the second one's share."""
    halvings = 0 if length == full else round(np.log2(full / length))
    at = (places / 2**halvings).clip(0, length - 1)
    first = at.astype(np.int64)
    return first, np.minimum(first + 1, length - 1), (at - first)[:, None].astype(np.float32)
