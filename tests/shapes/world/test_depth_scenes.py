"""Scenes that teach depth: what rows tell, true geometry, the same picture from the same seed."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr

from shapes.world.depth_layouts import draw_layout
from shapes.world.depth_scenes import (
    NEAREST_PX,
    OUTLINE_TILE,
    PRINTS,
    generator,
    render_depth_views,
    trace_layout,
)
from shapes.world.depth_solids import Solid, box_planes, meet
from shapes.world.depth_tiles import plain_tiles
from shapes.world.seeds import HELD_OUT_FIRST_SEED

SIZE_PX = 32


@pytest.fixture(scope="module")
def maps() -> np.ndarray:
    """Return the nearness (N, S * S) of held-out scenes, not painted."""
    noise = plain_tiles()[OUTLINE_TILE][0]
    seeds = range(HELD_OUT_FIRST_SEED, HELD_OUT_FIRST_SEED + 250)
    layouts = (draw_layout(generator(seed), noise, prints=PRINTS) for seed in seeds)
    return np.stack([trace_layout(layout, SIZE_PX).nearness.ravel() for layout in layouts])


def correlations(maps: np.ndarray, guide: np.ndarray) -> np.ndarray:
    """Return the rank correlation of each map with the same guide."""
    return np.array([spearmanr(guide.ravel(), map_).statistic for map_ in maps])


def test_rows_say_nothing_about_depth_on_average(maps: np.ndarray) -> None:
    found = correlations(maps, np.mgrid[:SIZE_PX, :SIZE_PX][0])
    assert abs(found.mean()) < 0.1
    assert found.std() > 0.3  # scenes have slopes, of both kinds


def test_columns_and_the_middle_say_little_either(maps: np.ndarray) -> None:
    assert abs(correlations(maps, np.mgrid[:SIZE_PX, :SIZE_PX][1]).mean()) < 0.1
    middle = np.hypot(*np.mgrid[-1 : 1 : SIZE_PX * 1j, -1 : 1 : SIZE_PX * 1j])
    assert abs(correlations(maps, middle).mean()) < 0.3


def test_pictures_and_maps_are_in_range() -> None:
    views = render_depth_views(range(HELD_OUT_FIRST_SEED, HELD_OUT_FIRST_SEED + 12), size_px=64)
    assert views.left.shape == (12, 3, 64, 64)
    assert 0 <= views.left.min() and views.left.max() <= 1
    assert views.left.std((1, 2, 3)).median() > 0.1  # no empty pictures
    assert (views.disparity_left_px > 0).all()
    assert (views.disparity_left_px.amax((1, 2)) - NEAREST_PX).abs().max() < 1e-3


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=5)
def test_a_seed_decides_everything(seed: int) -> None:
    one, two = (render_depth_views([seed, 5], size_px=SIZE_PX) for _ in range(2))
    assert (one.left == two.left).all()
    assert (one.disparity_left_px == two.disparity_left_px).all()


def test_bad_requests_are_refused() -> None:
    with pytest.raises(ValueError, match="seed is -1"):
        render_depth_views([-1])
    with pytest.raises(ValueError, match="size_px is 8"):
        render_depth_views([0], size_px=8)


# --- rays against closed form


def rays() -> tuple[np.ndarray, np.ndarray]:
    """Return columns and rows of 65 x 65 rays; the middle one goes straight ahead."""
    axis = np.linspace(-0.5, 0.5, 65, dtype=np.float32)
    return axis[None, :], axis[:, None]


def test_a_box_is_met_at_its_front() -> None:
    half = np.array((0.5, 0.25, 1.0))
    box = Solid(np.array((0.0, 0.0, 4.0)), np.eye(3), half, box_planes())
    near, face = meet(box, *rays())
    assert near[32, 32] == pytest.approx(1 / 3) and face[32, 32] == 5  # towards the camera
    wide = np.abs(rays()[0] * 3) < 0.499
    high = np.abs(rays()[1] * 3) < 0.249
    assert ((near > 0) == (wide & high)).mean() > 0.98
    assert near[0, 0] == 0


def test_a_ball_is_met_at_its_near_side_and_a_room_at_its_walls() -> None:
    centre, half = np.array((0.0, 0.0, 3.0)), np.ones(3)
    ball = Solid(centre, np.eye(3), half, box_planes(), quadric=np.ones(3))
    near, face = meet(ball, *rays())
    assert near[32, 32] == pytest.approx(1 / 2) and face[32, 48] == 6
    x = rays()[0][0, 40]
    depth = (3 - np.sqrt(9 - 8 * (1 + x**2))) / (1 + x**2)
    assert near[32, 40] == pytest.approx(1 / depth, rel=1e-4)
    room = Solid(np.zeros(3), np.eye(3), np.array((1.0, 1.0, 5.0)), box_planes(), is_room=True)
    near, face = meet(room, *rays())
    assert near[32, 32] == pytest.approx(1 / 5) and face[32, 32] == 2
    assert near[32, 64] == pytest.approx(0.5) and face[32, 64] == 0
    assert near[64, 32] == pytest.approx(0.5) and face[64, 32] == 1


def test_an_outline_cuts_a_card() -> None:
    axes = np.eye(3)[:, [0, 2, 1]]  # its y axis looks at the camera
    half = np.array((1.0, 0.01, 1.0))
    whole = Solid(np.array((0.0, 0.0, 3.0)), axes, half, box_planes())
    ring = replace(whole, outline=lambda x, y: np.hypot(x, y) - 0.5)
    assert meet(whole, *rays())[0][32, 32] > 0 == meet(ring, *rays())[0][32, 32]
    assert meet(ring, *rays())[0][32, 48] > 0
