"""Where the disparity that methods are given comes from."""

from collections.abc import Callable
from typing import Literal, get_args

import numpy as np

from stereo.depth.disparity import normalise_disparity
from stereo.evaluation.datasets.scene import Scene
from stereo.evaluation.geometry import fill_rows, sgbm_disparity
from stereo.evaluation.protocol import LARGEST_SHARE, match_pair
from stereo.pixels.holes import stretch_background
from stereo.pixels.warp import warp_right

Source = Literal["true", "pseudo", "mono", "search"]
SOURCES = get_args(Source)
MONOCULAR: tuple[Source, ...] = ("mono", "search")
DESCRIPTIONS = {
    "true": "ground truth, gaps filled along rows",
    "pseudo": "SGBM on the real pair, gaps filled along rows",
    "mono": "monocular model, nearest point at 8 % of the width",
    "search": "monocular model, scale per scene by SGBM against the real pair",
}
# The monocular map says nothing about size; the workflows' own default is used.
MONO_SHARE = 0.08
SEARCHED_SCALES = (0.025, 1.0)
COARSE, FINE = 10, 5
MIN_MATCHED = 0.05

Monocular = Callable[[np.ndarray], np.ndarray]


def disparity_for(scene: Scene, source: Source, monocular: Monocular | None = None) -> np.ndarray:
    """Return the disparity (H, W) float32 in px, dense, that every method gets for a scene.

    Args:
        scene: already at the protocol's size.
        source: one of SOURCES.
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
    near = normalise_disparity(monocular(scene.left)).astype(np.float32)
    width = scene.left.shape[1]
    if source == "mono":
        return near * np.float32(MONO_SHARE * width)
    return near * np.float32(search_scale(scene, near) * LARGEST_SHARE * width)


def search_scale(scene: Scene, near: np.ndarray) -> float:
    """Return the scale in [0.025, 1] whose synthetic pair SGBM sees most as the real pair.

    A scale of 1 puts the nearest point at a quarter of the width. The synthetic right view is a
    warp with stretched background; the error is the RMSE where both pairs could be matched.
    """
    largest = LARGEST_SHARE * scene.left.shape[1]
    real = sgbm_disparity(scene.left, scene.right, largest_px=largest)

    def misfit(scale: float) -> float:
        disparity = near * np.float32(scale * largest)
        right = stretch_background(*warp_right(scene.left, disparity))
        synthetic = sgbm_disparity(scene.left, right, largest_px=largest)
        both = np.isfinite(real) & np.isfinite(synthetic)
        if both.mean() < MIN_MATCHED:
            return float("inf")
        return float(np.sqrt(((real - synthetic)[both] ** 2).mean()))

    scales = np.geomspace(*SEARCHED_SCALES, COARSE)
    best = int(np.argmin([misfit(scale) for scale in scales]))
    low, high = scales[max(best - 1, 0)], scales[min(best + 1, COARSE - 1)]
    finer = np.geomspace(low, high, FINE + 2)
    return float(finer[int(np.argmin([misfit(scale) for scale in finer]))])
