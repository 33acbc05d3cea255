"""What each mode shows, pixel by pixel, against `stereo.formats`."""

from dataclasses import replace

import numpy as np
import pytest

from stereo.formats import layouts, maps
from stereo.formats.anaglyph import anaglyph
from stereo.formats.viewer.page import GLASSES
from stereo.formats.wiggle import view_between, wiggle_frames
from stereo.pair import StereoPair
from tests.stereo.formats.viewer.chromium import decode
from tests.stereo.formats.viewer.conftest import NEAR_PX, WIDTH, Opener, make_pair

HOLE_COLOUR, HOLE_SHARE = np.array([255, 0, 170]), 0.6
# Collects, while the wiggle plays, every picture that the canvas shows.
COLLECT = """() => new Promise(done => {
    const seen = new Set();
    const canvas = document.getElementById("picture");
    const look = () => {
        seen.add(canvas.toDataURL());
        if (seen.size < 5) requestAnimationFrame(look); else done([...seen]);
    };
    look();
})"""


def slid(view: np.ndarray, offset_px: int, empty: tuple[int, int]) -> np.ndarray:
    """Move a view to the right, black in so many columns at the left and right ends."""
    moved = np.roll(view, offset_px, axis=1)
    moved[:, : empty[0]] = 0
    moved[:, view.shape[1] - empty[1] :] = 0
    return moved


def marked(view: np.ndarray, holes: np.ndarray) -> np.ndarray:
    mixed = np.rint(view * (1 - HOLE_SHARE) + HOLE_COLOUR * HOLE_SHARE).astype(np.uint8)
    return np.where(holes[..., None], mixed, view)


def parallax_px(pair: StereoPair, left: np.ndarray, right: np.ndarray) -> int:
    """Return by how much the near square lies further right in the right view."""
    square = pair.left[5:15, 21:31]
    columns = range(WIDTH - square.shape[1] + 1)
    places = [
        next(c for c in columns if np.array_equal(view[5:15, c : c + 10], square))
        for view in (left, right)
    ]
    return places[1] - places[0]


def test_side_by_side_is_shown_first_with_the_left_view_left(open_page: Opener) -> None:
    pair = make_pair()
    viewer = open_page(pair)
    np.testing.assert_array_equal(viewer.picture(), layouts.side_by_side(pair.left, pair.right))
    viewer.choose("Cross-eyed")
    np.testing.assert_array_equal(viewer.picture(), layouts.side_by_side(pair.right, pair.left))


def test_glasses_get_what_the_files_hold(open_page: Opener) -> None:
    pair = make_pair()
    viewer = open_page(pair)
    viewer.choose("Anaglyph")
    for name, (_, filters) in GLASSES.items():
        viewer.set("kind", name)
        expected = anaglyph(pair.left, pair.right, filters).astype(int)
        # One level: a sum that ends in .5 may be rounded differently from NumPy's float32.
        difference = np.abs(viewer.picture() - expected)
        assert difference.max() <= 1 and (difference > 0).mean() < 0.01, name


def test_compare_shows_the_left_view_left_of_the_line(open_page: Opener) -> None:
    pair = make_pair()
    viewer = open_page(pair)
    viewer.choose("Compare")
    viewer.set("place", 25)
    expected = np.concatenate([pair.left[:, :12], pair.right[:, 12:]], axis=1)
    np.testing.assert_array_equal(viewer.picture(), expected)
    line = viewer.page.locator("#curtain").bounding_box()
    assert line is not None
    assert line["x"] + line["width"] / 2 == pytest.approx(viewer.place(0.25, 0)[0], abs=1)


@pytest.mark.parametrize("place", [0, 35, 100])
def test_viewpoint_moves_from_the_left_eye_to_the_right_one(open_page: Opener, place: int) -> None:
    pair = make_pair()
    viewer = open_page(pair)
    viewer.choose("Viewpoint")
    viewer.set("place", place)
    ends = {0: pair.left, 100: pair.right}
    expected = ends.get(place, view_between(pair, place / 100))
    np.testing.assert_array_equal(viewer.picture(), expected)


def test_wiggle_shows_the_frames_of_the_files(open_page: Opener) -> None:
    pair = make_pair()
    viewer = open_page(pair, calm=False)
    viewer.choose("Wiggle")
    viewer.settle()  # until then the canvas shows the mode before
    seen = {decode(address).tobytes() for address in viewer.page.evaluate(COLLECT)}
    assert seen == {frame.tobytes() for frame in wiggle_frames(pair)} and len(seen) == 5


def test_disparity_has_the_colours_of_the_files(open_page: Opener) -> None:
    pair = make_pair(disparity_range_px=[-1.2, 4.8])
    viewer = open_page(pair)
    viewer.choose("Disparity")
    np.testing.assert_array_equal(viewer.picture(), maps.disparity_colour(pair))
    assert viewer.text("legend-far") == "far -2.5 %" and viewer.text("legend-near") == "10.0 % near"


@pytest.mark.parametrize("eye", ["left", "right"])
def test_holes_are_marked_in_the_view_that_was_made(open_page: Opener, eye: str) -> None:
    pair = make_pair(eye=eye)
    views = {"left": pair.left, "right": pair.right}
    views[eye] = marked(views[eye], ~pair.valid)
    viewer = open_page(pair)
    viewer.page.get_by_label("Mark what the model invented").check()
    np.testing.assert_array_equal(viewer.picture(), layouts.side_by_side(**views))
    assert f"of the {eye} view" in viewer.text("holes-share")
    viewer.choose("Anaglyph")
    viewer.set("kind", "anaglyph")
    mixed = np.concatenate([pair.left[..., :1], pair.right[..., 1:]], axis=2)
    np.testing.assert_array_equal(viewer.picture(), marked(mixed, ~pair.valid))


def test_without_holes_there_is_nothing_to_mark(open_page: Opener) -> None:
    pair = make_pair()
    viewer = open_page(replace(pair, valid=np.ones_like(pair.valid)))
    assert viewer.page.get_by_label("Mark what the model invented").is_disabled()


@pytest.mark.parametrize("percent, total_px", [(10, 5), (-10, -5), (4, 2)])
def test_convergence_adds_the_same_parallax_everywhere(
    open_page: Opener, percent: int, total_px: int
) -> None:
    pair = make_pair()
    viewer = open_page(pair)
    viewer.set("convergence", percent)
    left_px = -(total_px // 2)
    right_px = total_px + left_px
    empty = (max(left_px, right_px, 0), max(-left_px, -right_px, 0))
    left, right = slid(pair.left, left_px, empty), slid(pair.right, right_px, empty)
    shown = viewer.picture()
    np.testing.assert_array_equal(shown, layouts.side_by_side(left, right))
    assert parallax_px(pair, shown[:, :WIDTH], shown[:, WIDTH:]) == total_px - NEAR_PX


@pytest.mark.parametrize("percent, parallax", [(0, 0), (50, -3), (100, -6), (150, -9)])
def test_parallax_is_scaled_by_the_right_view_alone(
    open_page: Opener, percent: int, parallax: int
) -> None:
    pair = make_pair()
    viewer = open_page(pair)
    viewer.set("strength", percent)
    shown = viewer.picture()
    ends = {0: pair.left, 100: pair.right}
    right = ends.get(percent, view_between(pair, percent / 100))
    np.testing.assert_array_equal(shown, layouts.side_by_side(pair.left, right))
    assert parallax_px(pair, shown[:, :WIDTH], shown[:, WIDTH:]) == parallax


def test_wide_and_narrow_pictures_are_shown_whole(open_page: Opener) -> None:
    pair = make_pair()
    low = StereoPair(
        pair.left[:8], pair.right[:8], pair.disparity[:8], pair.valid[:8], pair.settings
    )
    viewer = open_page(low, size=(700, 500))
    np.testing.assert_array_equal(viewer.picture(), layouts.side_by_side(low.left, low.right))
    box = viewer.page.locator("#picture").bounding_box()
    assert box is not None and box["width"] / box["height"] == pytest.approx(12, rel=0.02)
    assert box["x"] >= 0 and box["x"] + box["width"] <= 700
