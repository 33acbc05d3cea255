"""Zooming into the picture: what is in sight, by slider, wheel, drag, key and double click."""

from dataclasses import replace

import numpy as np
import pytest

from stereo.formats import layouts
from stereo.pair import StereoPair
from tests.stereo.formats.viewer.chromium import Viewer
from tests.stereo.formats.viewer.conftest import HEIGHT, WIDTH, Opener, make_pair


def part(pair: StereoPair, column: int, row: int, times: int) -> np.ndarray:
    """Return side by side what is in sight from a corner on."""
    inside = slice(row, row + HEIGHT // times), slice(column, column + WIDTH // times)
    return layouts.side_by_side(pair.left[inside], pair.right[inside])


def zoom_of(viewer: Viewer) -> str:
    return viewer.text("zoom-value")


def test_the_slider_shows_the_middle_larger_in_the_same_frame(open_page: Opener) -> None:
    pair = make_pair()
    viewer = open_page(pair)
    before = viewer.page.locator("#picture").bounding_box()
    viewer.set("zoom", 200)
    np.testing.assert_array_equal(viewer.picture(), part(pair, WIDTH // 4, HEIGHT // 4, 2))
    assert viewer.page.locator("#picture").bounding_box() == before
    viewer.set("zoom", 100)
    np.testing.assert_array_equal(viewer.picture(), part(pair, 0, 0, 1))


def test_the_wheel_keeps_what_is_under_the_pointer(open_page: Opener) -> None:
    pair = make_pair()
    viewer = open_page(pair)
    viewer.page.mouse.move(*viewer.place(0.999, 0.999))  # the right view's last corner
    for _ in range(8):
        viewer.page.mouse.wheel(0, -100)
    assert zoom_of(viewer) == "4.0 times"
    np.testing.assert_array_equal(viewer.picture(), part(pair, 36, 24, 4))
    for _ in range(8):
        viewer.page.mouse.wheel(0, 100)
    assert zoom_of(viewer) == "1.0 times"


def test_dragging_moves_what_is_in_sight(open_page: Opener) -> None:
    pair = make_pair()
    viewer = open_page(pair)
    viewer.page.mouse.dblclick(*viewer.place(0.25, 0.5))
    assert zoom_of(viewer) == "3.0 times"
    viewer.set("zoom", 400)
    viewer.page.mouse.move(*viewer.place(0.02, 0.1))
    viewer.page.mouse.down()
    viewer.page.mouse.move(*viewer.place(0.45, 0.9), steps=20)
    viewer.page.mouse.up()
    viewer.page.mouse.move(*viewer.place(0.02, 0.1))
    viewer.page.mouse.down()
    viewer.page.mouse.move(*viewer.place(0.45, 0.9), steps=20)
    viewer.page.mouse.up()
    np.testing.assert_array_equal(viewer.picture(), part(pair, 0, 0, 4))


def test_keys_zoom_and_the_reading_stays_true(open_page: Opener) -> None:
    viewer = open_page(mode="Disparity")
    whole = viewer.picture()
    for _ in range(7):
        viewer.page.keyboard.press("z")
    assert zoom_of(viewer) == "4.0 times"
    assert np.array_equal(viewer.picture(), whole[12:20, 18:30])
    # Column 24.5, row 12.5 of the pair: on the square, 6 of 48 px nearer.
    viewer.page.mouse.move(*viewer.place(6.5 / 12, 0.5 / 8))
    assert viewer.text("reading").startswith("Disparity 12.5 % of width (6.0 px)")
    viewer.page.keyboard.press("x")
    assert zoom_of(viewer) == "3.2 times"


@pytest.mark.parametrize("name", ["Wiggle", "Anaglyph", "Compare", "Viewpoint"])
def test_every_mode_shows_the_part_in_sight(open_page: Opener, name: str) -> None:
    viewer = open_page(mode=name)
    viewer.set("zoom", 400)
    assert viewer.picture().shape == (HEIGHT // 4, WIDTH // 4, 3)


def test_large_pictures_are_drawn_smaller_until_one_zooms_in(open_page: Opener) -> None:
    small = make_pair()
    large = {
        name: getattr(small, name).repeat(50, 0).repeat(50, 1)
        for name in ("left", "right", "disparity", "valid")
    }
    viewer = open_page(replace(small, **large), mode="Disparity")
    assert viewer.picture().shape == (1067, 1600, 3)
    most = float(viewer.page.locator("#zoom").get_attribute("max"))
    viewer.set("zoom", most)
    assert viewer.picture().shape[1] == round(2400 / (most / 100))
    viewer.choose("Viewpoint")
    viewer.page.mouse.move(*viewer.place(0.5, 0.5))
    assert "% of width" in viewer.text("reading")
