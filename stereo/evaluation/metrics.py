"""Image metrics with one signature: output, target (H, W, 3), mask (H, W) bool of what counts.

Images are uint8, or float in [0, 1]. An empty mask gives NaN.
"""

import cv2
import numpy as np
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

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
    x, y = (unit(image) if mask is None else unit(image)[mask] for image in (output, target))
    if not x.size:
        return float("nan")
    if np.array_equal(x, y):
        return PSNR_LIMIT_DB
    return min(PSNR_LIMIT_DB, float(peak_signal_noise_ratio(y, x, data_range=1)))


def ssim(output: np.ndarray, target: np.ndarray, mask: np.ndarray | None = None) -> float:
    """Return structural similarity (Wang et al. 2004), averaged over the mask; see SSIM_VARIANT."""
    return ssim_over(output, target, [mask])[0]


def ssim_over(
    output: np.ndarray, target: np.ndarray, masks: list[np.ndarray | None]
) -> list[float]:
    """Return SSIM averaged over each of several masks; None is the whole image."""
    values = structural_similarity(
        unit(output),
        unit(target),
        channel_axis=2,
        data_range=1,
        gaussian_weights=True,
        sigma=SSIM_SIGMA,
        use_sample_covariance=False,
        full=True,
    )[1]
    rim = SSIM_WINDOW_PX // 2
    inner = (slice(rim, -rim), slice(rim, -rim))
    parts = [values[inner] if mask is None else values[inner][mask[inner]] for mask in masks]
    return [float(part.mean()) if part.size else float("nan") for part in parts]


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
