"""Preparing images for a DPT network: resize, normalise, and reorder axes.

The classes act on a sample, a dictionary whose "image" is (H, W, 3) and whose optional
"disparity", "depth" and "mask" are (H, W).
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

Sample = dict[str, Any]

CUBIC = 2  # cv2.INTER_CUBIC
AREA = 3  # cv2.INTER_AREA
NET_MULTIPLE_PX = 32
NET_MEAN = NET_STD = (0.5, 0.5, 0.5)
# Beyond this ratio of the sides the long one, not the short one, is brought to the network's size.
MAX_ASPECT = 6.0
METHODS = ("lower_bound", "upper_bound", "minimal")


class Resize:
    """Resize a sample to a wanted size, each side a multiple of `ensure_multiple_of`.

    With `keep_aspect_ratio`, `resize_method` says which side decides: "lower_bound" makes both at
    least as long as wanted, "upper_bound" at most, "minimal" changes the image as little as it can.
    """

    def __init__(
        self,
        width: int,
        height: int,
        resize_target: bool | None = True,
        keep_aspect_ratio: bool = False,
        ensure_multiple_of: int = 1,
        resize_method: str = "lower_bound",
        image_interpolation_method: int = AREA,
    ) -> None:
        if resize_method not in METHODS:
            raise ValueError(
                f"resize_method {resize_method!r} is unknown; expected {', '.join(METHODS)}"
            )
        self.width, self.height = width, height
        self.resize_target = resize_target
        self.keep_aspect_ratio = keep_aspect_ratio
        self.ensure_multiple_of = ensure_multiple_of
        self.resize_method = resize_method
        self.image_interpolation_method = image_interpolation_method

    def get_size(self, width: int, height: int) -> tuple[int, int]:
        """Return the (width, height) that an image of `width` x `height` is resized to."""
        scale_x, scale_y = self._scales(width, height)
        return (
            self._round(scale_x * width, self.width),
            self._round(scale_y * height, self.height),
        )

    def _scales(self, width: int, height: int) -> tuple[float, float]:
        scale_x, scale_y = self.width / width, self.height / height
        if not self.keep_aspect_ratio:
            return scale_x, scale_y
        if self.resize_method == "lower_bound":
            scale = max(scale_x, scale_y)
        elif self.resize_method == "upper_bound":
            scale = min(scale_x, scale_y)
        else:  # the height decides when both are equally far from 1
            scale = scale_x if abs(1 - scale_x) < abs(1 - scale_y) else scale_y
        return scale, scale

    def _round(self, length: float, wanted: int) -> int:
        step = self.ensure_multiple_of
        rounded = int(np.round(length / step)) * step  # half to even, as published
        if self.resize_method == "lower_bound" and rounded < wanted:
            rounded = int(np.ceil(length / step)) * step
        if self.resize_method == "upper_bound" and rounded > wanted:
            rounded = int(np.floor(length / step)) * step
        return max(rounded, step)

    def __call__(self, sample: Sample) -> Sample:
        """Return a new sample with everything resized; maps by nearest neighbour."""
        import cv2

        height, width = sample["image"].shape[:2]
        size = self.get_size(width, height)
        method = self.image_interpolation_method
        resized = {**sample, "image": cv2.resize(sample["image"], size, interpolation=method)}
        if self.resize_target:
            for name in _maps(sample):
                resized[name] = cv2.resize(
                    np.asarray(sample[name], dtype=np.float32), size, interpolation=0
                )
        return resized


class NormalizeImage:
    """Subtract a mean from the image and divide it by a deviation, both per channel."""

    def __init__(self, mean: Sequence[float], std: Sequence[float]) -> None:
        self.mean, self.std = np.asarray(mean), np.asarray(std)

    def __call__(self, sample: Sample) -> Sample:
        """Return a new sample with the normalised image."""
        return {**sample, "image": (sample["image"] - self.mean) / self.std}


class PrepareForNet:
    """Bring the image to (3, H, W) and everything to contiguous float32."""

    def __call__(self, sample: Sample) -> Sample:
        """Return a new sample that a network's data loader can stack."""
        image = np.transpose(sample["image"], (2, 0, 1))  # (H, W, 3) -> (3, H, W)
        maps = {name: np.ascontiguousarray(sample[name], np.float32) for name in _maps(sample)}
        return {**sample, **maps, "image": np.ascontiguousarray(image, np.float32)}


def _maps(sample: Sample) -> list[str]:
    return [name for name in ("disparity", "depth", "mask") if name in sample]


def network_resize(width: int, height: int, *, net_size_px: int) -> Resize:
    """Return the published resizing of monocular depth for an image of `width` x `height`.

    Extremely long images, for which that would ask for tens of thousands of tokens, are brought
    to the network's size by their long side instead.
    """
    long = max(width, height) > MAX_ASPECT * min(width, height)
    return Resize(
        net_size_px,
        net_size_px,
        resize_target=None,
        keep_aspect_ratio=True,
        ensure_multiple_of=NET_MULTIPLE_PX,
        resize_method="upper_bound" if long else "minimal",
        image_interpolation_method=CUBIC,
    )


def network_input(image: np.ndarray, *, net_size_px: int) -> Tensor:
    """Turn an image (H, W, 3) uint8 into what a DPT network takes: (1, 3, h, w) around [-1, 1]."""
    height, width = image.shape[:2]
    steps: list[Callable[[Sample], Sample]] = [
        network_resize(width, height, net_size_px=net_size_px),
        NormalizeImage(NET_MEAN, NET_STD),
        PrepareForNet(),
    ]
    sample: Sample = {"image": image / 255.0}
    for step in steps:
        sample = step(sample)
    return torch.from_numpy(sample["image"])[None]
