"""What depth networks give, in one table, and its one way into disparity (near = large)."""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

Kind = Literal[
    "relative inverse depth",
    "relative depth",
    "metres",
    "metres with focal length",
    "metres per focal length",
]
METRIC: tuple[Kind, ...] = get_args(Kind)[2:]
# No network states its polarity in its files. "Per focal length" is metres times 300 px / focal.
KINDS: dict[str, Kind] = {
    "dpt": "relative inverse depth",
    "depth_anything": "relative inverse depth",
    "depth_anything metric": "metres",
    "depth_pro": "metres with focal length",
    "zoedepth": "metres",
    "glpn": "metres",
    "moge": "metres with focal length",
    "depth_anything_3 mono": "relative depth",
    "depth_anything_3 metric": "metres per focal length",
}
CANONICAL_FOCAL_PX = 300.0
# Depth beyond these shares of its pixels is cut off: one pixel at 0 would be infinitely near.
CUT_SHARES = (0.001, 0.999)
# And nothing is nearer than this share of what is farthest.
NEAREST_SHARE = 1e-3


@dataclass(frozen=True)
class DepthMap:
    """What a network said of a picture.

    Attributes:
        values: (h, w) float32; depth that is not finite or not above 0 is infinitely far.
        kind: what they are.
        focal_widths: focal length in widths of the picture, where the network estimates it.
    """

    values: np.ndarray
    kind: Kind
    focal_widths: float | None = None


def to_disparity(depth: DepthMap) -> np.ndarray:
    """Return relative disparity (h, w) float32, near = large, of what a network gave.

    Inverse depth is that already; depth is inverted, cut at 0.1 % and 99.9 % of its pixels.
    """
    if depth.kind != "relative inverse depth":
        return 1 / _cut(depth.values)
    finite = np.isfinite(depth.values)
    if not finite.any():
        raise ValueError("depth_model: gave no finite value")
    return np.where(finite, depth.values, depth.values[finite].min()).astype(np.float32)


def to_metres(depth: DepthMap, focal_widths: float) -> np.ndarray:
    """Return depth (h, w) float32 in metres, cut as in `to_disparity`.

    Args:
        depth: of a metric kind.
        focal_widths: focal length of the camera in widths of the picture.

    Raises:
        ValueError: for a relative kind.
    """
    if depth.kind not in METRIC:
        raise ValueError(f"depth_model: gives {depth.kind}, expected one that gives metres")
    metres = _cut(depth.values)
    if depth.kind == "metres per focal length":
        metres *= focal_widths * depth.values.shape[1] / CANONICAL_FOCAL_PX
    return metres


def _cut(values: np.ndarray) -> np.ndarray:
    known = np.isfinite(values) & (values > 0)
    if not known.any():
        raise ValueError("depth_model: gave no depth above 0")
    low, high = np.quantile(values[known], CUT_SHARES)
    near = max(low, high * NEAREST_SHARE)
    return np.where(known, values, high).clip(near, high).astype(np.float32)
