"""Contact sheets: what their parts show."""

import numpy as np
import pytest

from stereo.evaluation.sheet import CAPTION_PX, captioned, close_up, error_map, masks


@pytest.mark.parametrize("width", [96, 256, 512])
def test_captions_fit_above_the_picture(width: int) -> None:
    image = np.full((8, width, 3), 7, np.uint8)
    made = captioned("red: hole, blue: occluded, yellow: both", image)
    np.testing.assert_array_equal(made[CAPTION_PX:], image)
    bar = made[:CAPTION_PX]
    assert bar.any() and not bar[:, -2:].any()


def test_errors_are_the_largest_of_the_channels() -> None:
    target = np.full((1, 3, 3), 100, np.uint8)
    output = target.copy()
    output[0, 1] = (100, 68, 101)
    output[0, 2] = 255
    assert error_map(output, target)[0, :, 0].tolist() == [0, 127, 255]


def test_masks_tell_holes_from_occlusion() -> None:
    image = np.full((1, 4, 3), 90, np.uint8)
    valid = np.array([[True, False, True, False]])
    visible = np.array([[True, True, False, False]])
    shown = masks(image, valid, visible)[0].tolist()
    assert shown == [[30, 30, 30], [220, 60, 40], [50, 90, 220], [230, 200, 60]]


def test_the_close_up_shows_the_largest_hole_at_the_sheets_height() -> None:
    image = np.zeros((40, 64, 3), np.uint8)
    visible = np.ones((40, 64), bool)
    visible[20:30, 50:60] = visible[2:4, 2:4] = False
    image[~visible] = 200
    shown = close_up(image, visible)
    assert shown.shape == (40, 40, 3) and (shown > 190).all()
