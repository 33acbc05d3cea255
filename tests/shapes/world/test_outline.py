"""Outlines against the pictures that they stand for, and against their own captions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shapes.world.materials import COLOURS
from shapes.world.outline import NOTHING, outline
from shapes.world.scene import SHAPES
from shapes.world.scenes import render_views
from shapes.world.seeds import CALM_SEEDS, HELD_OUT_SEEDS, PORTRAIT_SEEDS

COLUMNS = 16


@pytest.mark.parametrize("first_seed", [HELD_OUT_SEEDS[0], CALM_SEEDS[0], PORTRAIT_SEEDS[0]])
def test_columns_show_what_the_picture_shows(first_seed: int) -> None:
    seeds = range(first_seed, first_seed + 24)
    surfaces = render_views(seeds, size_px=64).surface.numpy()
    right = said = 0
    for seed, surface in zip(seeds, surfaces, strict=True):
        shown = outline(seed, columns=COLUMNS).columns
        parts = np.array_split(surface, COLUMNS, axis=1)
        right += sum(k in part for k, part in zip(shown, parts, strict=True) if k != NOTHING)
        said += sum(k != NOTHING for k in shown)
    assert right > 0.97 * said > 0.97 * 24 * COLUMNS / 4


@given(seed=st.integers(PORTRAIT_SEEDS[0], PORTRAIT_SEEDS[-1]))
@settings(max_examples=200)
def test_a_caption_names_what_stands_left_of_what(seed: int) -> None:
    found = outline(seed, columns=COLUMNS)
    words = found.caption.split()
    named = [word for word in words if word in SHAPES]
    assert sorted(named) == sorted(solid.name for solid in found.solids)
    assert {solid.colour for solid in found.solids} <= {w for w in words if w in COLOURS}
    if " left of " in found.caption or " right of " in found.caption:
        nouns = named if " left of " in found.caption else named[::-1]
        across = [found.solids[k].name for k in dict.fromkeys(found.columns) if k != NOTHING]
        assert across == nouns


def test_the_same_seed_gives_the_same_outline() -> None:
    first, second = (outline(PORTRAIT_SEEDS[0] + 5, columns=8) for _ in range(2))
    assert (first.caption, first.columns) == (second.caption, second.columns)
