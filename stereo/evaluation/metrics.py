"""Image metrics with one signature: output, target (H, W, 3), mask (H, W) bool of what counts.

Images are uint8, or float in [0, 1]. An empty mask gives NaN.
"""

import cv2
import numpy as np

# A perfect output would score infinity, which no mean survives.
PSNR_LIMIT_DB = 100.0
SSIM_WINDOW_PX, SSIM_SIGMA = 11, 1.5
SSIM_VARIANT = (
    f"Gaussian {SSIM_WINDOW_PX}x{SSIM_WINDOW_PX}, sigma {SSIM_SIGMA}, population covariance, "
    "mean of R, G and B, rims left out, not downsampled"
)
CANNY_THRESHOLDS = (100, 200)
MOVED_LEVELS = 5
SIOU_EDGE_SHARE = 0.75


def psnr(output: np.ndarray, target: np.ndarray, mask: np.ndarray | None = None) -> float:
    """Return the peak signal-to-noise ratio in dB at data range 1, at most 100."""
    error = (unit(output) - unit(target)) ** 2
    if mask is not None:
        error = error[mask]
    if not error.size:
        return float("nan")
    mean = float(error.mean())
    return PSNR_LIMIT_DB if mean == 0 else min(PSNR_LIMIT_DB, -10 * float(np.log10(mean)))


def ssim(output: np.ndarray, target: np.ndarray, mask: np.ndarray | None = None) -> float:
    """Return structural similarity (Wang et al. 2004), averaged over the mask; see SSIM_VARIANT."""
    rim = SSIM_WINDOW_PX // 2
    inner = (slice(rim, -rim), slice(rim, -rim))
    values = ssim_map(output, target)[inner]
    return float(values.mean()) if mask is None else _mean(values[mask[inner]])


def ssim_map(output: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return SSIM per pixel and channel, (H, W, 3) float64."""
    x, y = unit(output), unit(target)
    mean_x, mean_y = _window(x), _window(y)
    variance_x = _window(x * x) - mean_x**2
    variance_y = _window(y * y) - mean_y**2
    covariance = _window(x * y) - mean_x * mean_y
    c1, c2 = 0.01**2, 0.03**2
    top = (2 * mean_x * mean_y + c1) * (2 * covariance + c2)
    return top / ((mean_x**2 + mean_y**2 + c1) * (variance_x + variance_y + c2))


def siou(
    output: np.ndarray, target: np.ndarray, mask: np.ndarray | None = None, *, left: np.ndarray
) -> float:
    """Return stereo IoU (Mono2Stereo): three quarters edges, one quarter what moved against left.

    Edges are Canny's of the grey image; a pixel moved when the grey value of the three channels'
    differences from the left view is above 5 levels. Mono2Stereo's own code subtracts bytes, where
    -1 becomes 255, so that almost everything that is darker counts as moved there; not here.
    """
    pairs = (
        (SIOU_EDGE_SHARE, _edges(output), _edges(target)),
        (1 - SIOU_EDGE_SHARE, _moved(output, left), _moved(target, left)),
    )
    everywhere = np.ones(output.shape[:2], bool) if mask is None else mask
    return sum(share * _overlap(a[everywhere], b[everywhere]) for share, a, b in pairs)


def unit(image: np.ndarray) -> np.ndarray:
    """Return an image as float64 in [0, 1]."""
    return image / 255.0 if image.dtype == np.uint8 else image.astype(np.float64)


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if values.size else float("nan")


def _window(values: np.ndarray) -> np.ndarray:
    size = (SSIM_WINDOW_PX, SSIM_WINDOW_PX)
    return cv2.GaussianBlur(values, size, SSIM_SIGMA, borderType=cv2.BORDER_REFLECT)


def _grey(image: np.ndarray) -> np.ndarray:
    levels = np.rint(unit(image) * 255).astype(np.uint8)
    return cv2.cvtColor(levels, cv2.COLOR_RGB2GRAY)


def _edges(image: np.ndarray) -> np.ndarray:
    return cv2.Canny(_grey(image), *CANNY_THRESHOLDS) > 0


def _moved(image: np.ndarray, left: np.ndarray) -> np.ndarray:
    return _grey(np.abs(unit(image) - unit(left))) > MOVED_LEVELS


def _overlap(a: np.ndarray, b: np.ndarray) -> float:
    """Return intersection over union; two empty sets agree."""
    union = (a | b).sum()
    return float((a & b).sum() / union) if union else 1.0
