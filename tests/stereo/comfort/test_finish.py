"""Whole pairs: the order of the eyes by geometry, the window, and what the settings tell."""

import json

import numpy as np
import pytest

from stereo.cli.job import Models, StereoJob, run
from stereo.comfort.finish import cropped
from stereo.comfort.options import ComfortOptions
from stereo.comfort.window import violation_share, window_strips, window_violations
from stereo.formats.wiggle import shift_to_right_px
from stereo.options import SamplingOptions, preset
from stereo.pair import StereoPair
from stereo.pipelines import text_to_stereo
from stereo.pixels.warp import own_disparity

FEW = SamplingOptions(steps=5, guidance_scale=2.0, seed=3)
SQUARE = (slice(20, 50), slice(30, 60))
INSIDE = (slice(22, 48), slice(32, 58))  # of the square, clear of its edges


@pytest.fixture
def photo() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (80, 100, 3), dtype=np.uint8)


def square_map(height: int = 80, width: int = 100, value: float = 6.0) -> np.ndarray:
    near = np.zeros((height, width), np.float32)
    near[SQUARE] = value
    return near


def moved(view: np.ndarray, by_px: int) -> np.ndarray:
    rows, columns = INSIDE
    return view[rows, columns.start + by_px : columns.stop + by_px]


@pytest.fixture
def best_pair(tiny_model, tiny_dpt, photo):
    def make(near: np.ndarray, *, borders: str = "fill", **changes) -> StereoPair:
        job = StereoJob(
            "image",
            pictures=[photo],
            disparities=[near],
            options=preset("best", metric_disparity=True, **changes),
            sampling=FEW,
            comfort=ComfortOptions(borders=borders),
        )
        return run(job, Models(tiny_model, tiny_dpt))[0]

    return make


def test_left_eye_is_made_out_of_the_right_one(best_pair, photo):
    pair = best_pair(square_map(), eye="left")
    assert np.array_equal(pair.right, photo)
    # Near objects lie further left in the right eye, so further right in the left one.
    assert np.array_equal(moved(pair.left, 6), moved(pair.right, 0))
    assert np.array_equal(pair.left[55:], pair.right[55:])
    holes = ~pair.valid
    # And one pixel around them, which the square's rim may stain.
    assert holes[20:50, 30:36].all() and holes.sum() <= 32 * 8
    # The disparity is the left view's own, and in pixels leads to the right one.
    expected = np.zeros((80, 100))
    expected[20:50, 36:66] = 1
    assert np.array_equal(pair.disparity, expected)
    assert np.array_equal(shift_to_right_px(pair), 6 * expected)


def test_both_ways_tell_the_same_depth(best_pair):
    """Whichever eye is made, a point's place differs between the views by its disparity."""
    for eye in ("right", "left"):
        pair = best_pair(square_map(), eye=eye)
        own = 0 if eye == "right" else 6
        assert np.array_equal(moved(pair.left, own), moved(pair.right, own - 6)), eye


@pytest.mark.parametrize("eye", ["right", "left"])
def test_paper_shifts_the_chosen_eye(tiny_model, tiny_dpt, eye):
    near = square_map(64, 64)[:64, :64] * 0
    near[16:48, 24:40] = 1
    options = preset("paper", scale_percent=12.5, eye=eye)
    (pair,) = text_to_stereo(
        tiny_model, tiny_dpt, "x", options=options, sampling=FEW, disparity=near
    )
    # One cell of 8 px opens where the near square was: on its right in the right eye.
    opened = set(np.flatnonzero(~pair.valid.all(axis=0)))
    assert opened == (set(range(32, 40)) if eye == "right" else set(range(24, 32)))
    assert pair.settings["disparity_range_px"] == [0, 8]
    assert pair.settings["eye"] == eye


def test_each_eye_gets_half(tiny_model, tiny_dpt):
    near = np.zeros((64, 64), np.float32)
    near[16:48, 24:40] = 1
    options = preset("paper", scale_percent=25.0, shift_both=True)
    (pair,) = text_to_stereo(
        tiny_model, tiny_dpt, "x", options=options, sampling=FEW, disparity=near
    )
    # 16 px: the square lies 8 px further right in the left view, 8 px further left in the right.
    expected = np.zeros((64, 64))
    expected[16:48, 32:48] = 16
    assert np.array_equal(shift_to_right_px(pair), expected)


def test_view_that_is_not_made_is_the_same_for_either_eye(tiny_model, tiny_dpt):
    near = np.zeros((64, 64), np.float32)
    near[16:48, 24:40] = 1

    def pair(eye: str) -> StereoPair:
        options = preset("paper", scale_percent=12.5, eye=eye)
        return text_to_stereo(
            tiny_model, tiny_dpt, "x", options=options, sampling=FEW, disparity=near
        )[0]

    right, left = pair("right"), pair("left")
    assert np.array_equal(left.right, right.left)
    assert (left.left != right.right).any()


def test_range_is_what_whole_cells_really_moved(tiny_model, tiny_dpt):
    near = np.linspace(0, 1, 64, dtype=np.float32) * np.ones((64, 1), np.float32)

    def reached(*, max_disparity_px: float | None = None, **changes) -> list[float]:
        job = StereoJob(
            "text",
            "x",
            disparities=[near],
            options=preset("paper", **changes),
            sampling=FEW,
            comfort=ComfortOptions(max_disparity_px=max_disparity_px),
        )
        (pair,) = run(job, Models(tiny_model, tiny_dpt))
        json.dumps(pair.settings)
        return pair.settings["disparity_range_px"]

    assert reached(scale_percent=20.0) == [0, 16]  # 1.6 cells of 8 px
    assert reached(scale_percent=20.0, rounding="truncate") == [0, 8]
    assert reached(scale_percent=25.0, convergence=0.5) == [-8, 8]
    assert reached(scale_percent=25.0, shift_both=True) == [0, 16]
    assert reached(scale_percent=-25.0) == [0, -16]
    assert reached(max_disparity_px=16.0) == [0, 16]


def test_metric_maps_keep_their_pixels_in_the_settings(best_pair):
    pair = best_pair(square_map(value=6.5) + 2)
    assert pair.settings["disparity_range_px"] == [2, 8.5]
    report = pair.settings["comfort_report"]
    assert (report["crossed_percent"], report["uncrossed_percent"]) == (8.5, 0)
    held = best_pair(square_map(), convergence=0.5)
    assert held.settings["disparity_range_px"] == [-3, 3]
    assert shift_to_right_px(held).min() == -3
    auto = best_pair(square_map(), convergence="auto")
    # The far plane is more than 70 % of the picture; the limits then want more behind it.
    crossed = auto.settings["comfort_report"]["crossed_percent"]
    assert crossed == pytest.approx(3, abs=0.1)
    json.dumps(auto.settings)


def test_comfort_reaches_the_result(tiny_model, tiny_dpt, photo):
    job = StereoJob(
        "image",
        pictures=[photo],
        disparities=[square_map()],
        options=preset("best", convergence=0.0),
        sampling=FEW,
        comfort=ComfortOptions(comfort="degree"),
    )
    (pair,) = run(job, Models(tiny_model, tiny_dpt))
    report = pair.settings["comfort_report"]
    assert report["inside"] and report["crossed_degrees"] == pytest.approx(1, abs=1e-3)
    assert pair.settings["scale_percent"] == pytest.approx(
        report["crossed_limit_percent"], abs=1e-4
    )


def test_near_objects_at_the_sides_violate_the_window():
    near = np.zeros((40, 60), np.float32)
    near[5:15, :10] = 4  # cut by the left side
    near[20:30, 50:] = 6  # cut by the right side
    near[32:38, 20:40] = 9  # inside
    masks = window_violations(near, own_disparity(near, of="right"))
    left, right = np.zeros_like(near, bool), np.zeros_like(near, bool)
    left[5:15, :4] = True
    right[20:30, 54:] = True
    assert np.array_equal(masks[0], left) and np.array_equal(masks[1], right)
    assert window_strips(masks) == (4, 6)
    assert violation_share(masks) == pytest.approx((40 + 60) / (2 * 40 * 60))


def test_nothing_behind_the_screen_violates_it():
    near = np.zeros((40, 60), np.float32)
    near[5:15, :10] = 4
    behind = near - 4
    masks = window_violations(behind, own_disparity(behind, of="right"))
    assert violation_share(masks) == 0 and window_strips(masks) == (0, 0)


@pytest.mark.parametrize("eye", ["right", "left"])
def test_masked_window(best_pair, eye):
    near = np.zeros((80, 100), np.float32)
    near[10:30, :20] = 5
    near[40:60, 85:] = 3
    plain = best_pair(near, eye=eye)
    masked = best_pair(near, eye=eye, borders="window")
    assert masked.settings["window_strips_px"] == [5, 3]
    assert not masked.left[:, :5].any() and not masked.right[:, -3:].any()
    assert np.array_equal(masked.left[:, 5:], plain.left[:, 5:])
    assert np.array_equal(masked.right[:, :-3], plain.right[:, :-3])
    assert plain.settings["comfort_report"]["window_violation_percent"] > 0
    free = best_pair(square_map(), eye=eye, borders="window")
    assert free.settings["window_strips_px"] == [0, 0] and free.left.any(axis=(0, 2)).all()


@pytest.mark.parametrize("eye", ["right", "left"])
def test_cropped_views_show_what_both_eyes_see_at_their_sides(best_pair, eye):
    near = square_map() + 3
    near[:5] = 7
    whole, pair = (best_pair(near, eye=eye, borders=borders) for borders in ("fill", "crop"))
    columns = slice(0, 93) if eye == "right" else slice(7, 100)
    for name in ("left", "right", "disparity", "valid"):
        expected = getattr(whole, name)[:, columns]
        assert np.array_equal(getattr(pair, name), expected), name
    assert pair.valid[:, [0, -1]].all()
    assert pair.settings["cropped_columns"] == [columns.start, 100 - columns.stop]
    same = ("disparity_range_px", "scale_percent")
    assert all(pair.settings[name] == whole.settings[name] for name in same)
    uncut = best_pair(square_map(), eye=eye, borders="crop")
    assert uncut.left.shape == (80, 100, 3)


def test_a_pair_without_a_common_column_is_refused():
    views = np.zeros((2, 4, 3), np.uint8)
    pair = StereoPair(views, views, views[..., 0], np.zeros((2, 4), bool))
    with pytest.raises(ValueError, match="borders: got 'crop'"):
        cropped(pair)
