"""Wiggles at a size for looking."""

from dataclasses import replace

import numpy as np
import pytest

from stereo.formats import FORMATS
from stereo.formats.wiggle import WIGGLE_PX, at_most, shift_to_right_px, wiggle_frames
from stereo.pair import StereoPair
from tests.stereo.formats.pairs import middle_column, moving_pair, noise_pair, open_bytes


def enlarged(times: int) -> StereoPair:
    """The moving pair, every pixel repeated."""
    pair = moving_pair()
    large = {
        name: getattr(pair, name).repeat(times, 0).repeat(times, 1)
        for name in ("left", "right", "disparity", "valid")
    }
    return replace(pair, **large)


@pytest.mark.parametrize("name", ["gif", "webp"])
def test_large_pairs_are_shown_at_a_size_for_looking(name: str) -> None:
    pair = enlarged(20)
    image = open_bytes(FORMATS[name].encode(pair))
    assert image.size == (WIGGLE_PX, WIGGLE_PX // 2)
    shown = {**pair.settings, "wiggle_px": 640}
    assert open_bytes(FORMATS[name].encode(replace(pair, settings=shown))).size == (640, 320)
    columns = []
    for index in range(5):
        image.seek(index)
        columns.append(middle_column(np.asarray(image.convert("RGB"))) / 10)
    np.testing.assert_allclose(np.diff(columns), -3, atol=0.15)


def test_made_smaller_the_shift_stays_the_same_share_of_the_width() -> None:
    pair = enlarged(4)
    small = at_most(pair, 128)
    assert small.left.shape == (64, 128, 3) and small.valid.dtype == bool
    assert shift_to_right_px(small).max() == pytest.approx(12)
    assert shift_to_right_px(pair).max() == pytest.approx(48)
    tall = noise_pair(300, 20)
    assert at_most(tall, 150).left.shape == (150, 10, 3)


def test_small_pairs_stay_as_they_are() -> None:
    pair = noise_pair()
    assert at_most(pair, 32) is pair
    frames = wiggle_frames(pair)
    np.testing.assert_array_equal(frames[0], pair.left)
    np.testing.assert_array_equal(frames[4], pair.right)
