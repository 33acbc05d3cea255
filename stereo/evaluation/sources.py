"""Where the disparity that methods are given comes from."""

from collections.abc import Callable

import numpy as np

from stereo.depth.disparity import normalise_disparity
from stereo.evaluation.datasets.scene import Scene
from stereo.evaluation.geometry import LARGEST_SHARE, fill_rows, match_pair, sgbm_disparity
from stereo.pixels.holes import stretch_background
from stereo.pixels.warp import warp_right

SOURCES = {
    "true": "ground truth, gaps filled along rows",
    "pseudo": "SGBM on the real pair, gaps filled along rows",
    "mono": "monocular model, nearest point at 8 % of the width",
    "search": "monocular model, scale per scene by SGBM against the real pair",
}
MONOCULAR = ("mono", "search")
# The monocular map says nothing about size; the workflows' own default is used.
MONO_SHARE = 0.08
SEARCHED_SCALES = (0.025, 1.0)
COARSE, FINE = 10, 5
MIN_MATCHED = 0.05

Monocular = Callable[[np.ndarray], np.ndarray]


def disparity_for(scene: Scene, source: str, monocular: Monocular | None = None) -> np.ndarray:
    """Return the disparity (H, W) float32 in px, dense, that every method gets for a scene.

    Args:
        scene: already at the protocol's size.
        source: a name of SOURCES.
        monocular: maps (H, W, 3) uint8 to relative disparity, for `mono` and `search`.

    Raises:
        ValueError: when the scene lacks what the source needs.
    """
    if source == "true":
        if scene.disparity is None:
            raise ValueError(f"disparity: scene {scene.name} has no truth; use --disparity pseudo")
        return fill_rows(scene.disparity)
    if source in ("pseudo", "search") and scene.right is None:
        raise ValueError(f"disparity: scene {scene.name} has no right view, '{source}' needs one")
    if source == "pseudo":
        return match_pair(scene.left, scene.right)
    if monocular is None:
        raise ValueError(f"disparity: '{source}' needs a monocular model")
    relative = normalise_disparity(monocular(scene.left)).astype(np.float32)
    share = MONO_SHARE if source == "mono" else search_scale(scene, relative) * LARGEST_SHARE
    return relative * np.float32(share * scene.left.shape[1])


def search_scale(scene: Scene, relative: np.ndarray) -> float:
    """Return the scale in [0.025, 1] whose synthetic pair SGBM sees most like the real pair.

    A scale of 1 puts the nearest point at a quarter of the width. The synthetic right view is a
    warp with stretched background; the error is the RMSE where both pairs could be matched.
    """
    largest_px = LARGEST_SHARE * scene.left.shape[1]
    real = sgbm_disparity(scene.left, scene.right, largest_px=largest_px)

    def misfit_px(scale: float) -> float:
        disparity_px = relative * np.float32(scale * largest_px)
        right = stretch_background(*warp_right(scene.left, disparity_px))
        synthetic = sgbm_disparity(scene.left, right, largest_px=largest_px)
        both = np.isfinite(real) & np.isfinite(synthetic)
        if both.mean() < MIN_MATCHED:
            return float("inf")
        return float(np.sqrt(((real - synthetic)[both] ** 2).mean()))

    scales = np.geomspace(*SEARCHED_SCALES, COARSE)
    best = int(np.argmin([misfit_px(scale) for scale in scales]))
    low, high = scales[max(best - 1, 0)], scales[min(best + 1, COARSE - 1)]
    finer = np.geomspace(low, high, FINE + 2)
    return float(finer[int(np.argmin([misfit_px(scale) for scale in finer]))])
