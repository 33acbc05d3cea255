"""Verdicts of pictures whose answer is known."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shapes.report.asks import Ask
from shapes.report.colours import colour_shares
from shapes.report.judge_training import (
    choose_seeds,
)
from shapes.report.verdicts import colour_places, dominant_colour, shows_pair
from shapes.world.scenes import render_views
from shapes.world.seeds import HELD_OUT_FIRST_SEED
from tests.shapes.report.pictures import paint, picture


def test_dominant_colour_counts_the_object_alone():
    image, mask = picture(("blue", slice(20, 30)))
    image[:, 40:] = paint("red")  # larger, but not the object
    assert dominant_colour(image, mask) == "blue"
    mask[:, 40:] = True
    assert dominant_colour(image, mask) == "red"


def test_no_object_has_no_colour_and_no_place():
    image, mask = picture()
    assert dominant_colour(image, mask) is None
    assert colour_places(image, mask) == {}
    assert colour_shares(image, mask) == {}


@pytest.mark.parametrize("seed", range(3))
def test_rendered_objects_have_the_colour_that_the_world_says(seed: int):
    seeds = choose_seeds(HELD_OUT_FIRST_SEED + 1000 * seed, 8, objects=1)
    views = render_views(seeds, size_px=64)
    images = (views.left * 255).byte().permute(0, 2, 3, 1).numpy()
    named = [
        dominant_colour(image, surface.numpy() == 0) == found[0].colour
        for image, surface, found in zip(images, views.surface, views.objects, strict=True)
    ]
    assert sum(named) >= 7


def test_pair_is_judged_by_colours_and_places():
    ask = Ask("a red box left of a blue box", ("red", "blue"), ("box", "box"))
    right_way = picture(("red", slice(5, 25)), ("blue", slice(40, 60)))
    assert shows_pair(*right_way, ask)
    assert not shows_pair(*picture(("blue", slice(5, 25)), ("red", slice(40, 60))), ask)
    assert not shows_pair(*picture(("red", slice(5, 25)), ("green", slice(40, 60))), ask)
    assert not shows_pair(*picture(("red", slice(5, 25))), ask)
    assert not shows_pair(*picture(), ask)


def test_pair_needs_a_gap_and_more_than_a_speck():
    ask = Ask("", ("red", "blue"), ("box", "box"))
    image, mask = picture(("red", slice(20, 40)))
    image[16:32, 20:40] = paint("blue")  # one above the other
    assert not shows_pair(image, mask, ask)
    speck = picture(("red", slice(5, 35)), ("blue", slice(50, 52)))
    assert not shows_pair(*speck, ask)


@given(st.integers(0, 63), st.integers(0, 63))
@settings(max_examples=20)
def test_places_are_the_columns_of_the_patches(first: int, second: int):
    left, right = sorted((first, second))
    if right - left < 4:
        return
    image, mask = picture(
        ("yellow", slice(left, left + 2)), ("purple", slice(right - 1, right + 1))
    )
    places = colour_places(image, mask)
    if mask.mean() >= 0.02:
        assert places["yellow"] < places["purple"]
