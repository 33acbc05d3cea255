"""The protocol: how all scenes are cropped and resized alike, and which pixels both eyes see."""

from dataclasses import dataclass, replace

import numpy as np

from stereo.evaluation.datasets.scene import Scene
from stereo.fit import Fit, square_fit
from stereo.pixels.warp import warp_right

CROPS = ("auto", "square", "none")


@dataclass(frozen=True)
class Protocol:
    """How scenes are brought to one size."""

    size_px: int | None = 512  # side of the square that all views become; None keeps their size
    crop: str = "auto"  # `square` cuts the centred square, `none` stretches, `auto` cuts KITTI only

    def __post_init__(self) -> None:
        if self.size_px is not None and not 64 <= self.size_px <= 4096:
            raise ValueError(f"size_px: got {self.size_px}, expected 64 to 4096")
        if self.crop not in CROPS:
            raise ValueError(f"crop: got {self.crop!r}, expected one of {', '.join(CROPS)}")


def fit_scene(scene: Scene, protocol: Protocol) -> Scene:
    """Crop and resize everything a scene has; disparity is measured in the new pixels.

    Views are resized smoothly, maps take the nearest pixel, so that no surface appears between
    two others.
    """
    if protocol.size_px is None:
        return scene
    height, width = scene.left.shape[:2]
    square = scene.square if protocol.crop == "auto" else protocol.crop == "square"
    size = (protocol.size_px, protocol.size_px)
    fit = square_fit(width, height, size_px=size[0]) if square else Fit((0, 0, width, height), size)
    disparity = scene.disparity
    if disparity is not None:
        ratio = size[0] / (fit.crop_px[2] - fit.crop_px[0])
        disparity = nearest(disparity, fit) * np.float32(ratio)
    return replace(
        scene,
        left=fit.image(scene.left),
        right=None if scene.right is None else fit.image(scene.right),
        disparity=disparity,
        visible=None if scene.visible is None else nearest(scene.visible, fit),
    )


def nearest(values: np.ndarray, fit: Fit) -> np.ndarray:
    """Crop and resize a map (H, W) to the fit's size by its nearest pixels."""
    left, top, right, bottom = fit.crop_px
    columns = left + (np.arange(fit.size_px[0]) + 0.5) * (right - left) / fit.size_px[0]
    rows = top + (np.arange(fit.size_px[1]) + 0.5) * (bottom - top) / fit.size_px[1]
    return values[rows.astype(int)[:, None], columns.astype(int)]


def visible_in_right(scene: Scene, disparity_px: np.ndarray) -> tuple[np.ndarray, str]:
    """Return the right view's pixels (H, W) that the left eye sees too, and how this is known.

    Exact where the scene says so, else what a warp of the left view by its disparity reaches.
    """
    if scene.visible is not None:
        return scene.visible, "exact"
    return warp_right(scene.left, disparity_px)[1], "reached by the warp"
