"""Pairs with a known eye order, and of noise, for the formats."""

from dataclasses import replace
from io import BytesIO

import numpy as np
from PIL import Image

from stereo.pair import StereoPair

SETTINGS = {
    "prompt": 'naïve "café" 猫\nin fog',
    "seed": 7,
    "scale_percent": 8.0,
    "shift_both": False,
}


def noise_pair(height: int = 16, width: int = 32, seed: int = 0) -> StereoPair:
    """Return views, disparity and holes of noise, with settings that are hard to store."""
    rng = np.random.default_rng(seed)
    views = rng.integers(0, 256, (2, height, width, 3), dtype=np.uint8)
    disparity = rng.random((height, width), dtype=np.float32)
    return StereoPair(views[0], views[1], disparity, rng.random((height, width)) < 0.8, SETTINGS)


def near_square_pair() -> StereoPair:
    """A bright near square on black, 12 px further left in the right eye than in the left one."""
    left, right = np.zeros((2, 64, 128, 3), np.uint8)
    left[20:44, 60:84], right[20:44, 48:72] = 255, 255
    disparity = np.zeros((64, 128), np.float32)
    disparity[20:44, 60:84] = 1
    return StereoPair(left, right, disparity, np.ones((64, 128), bool))


def moving_pair() -> StereoPair:
    """The same with a scale that says how far the nearest pixel moves: 12 px of 128."""
    return replace(near_square_pair(), settings={"scale_percent": 12 / 128 * 100})


def middle_column(view: np.ndarray) -> float:
    """Return the mean column of what is bright."""
    return float(np.average(np.arange(view.shape[1]), weights=view[..., 0].astype(float).sum(0)))


def open_bytes(content: bytes) -> Image.Image:
    """Read a picture whole."""
    image = Image.open(BytesIO(content))
    image.load()
    return image
