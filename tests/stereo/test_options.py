"""Options refuse, in one line, what they cannot mean; presets are what they say."""

import math
from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stereo.options import (
    PRESETS,
    NullTextOptions,
    SamplingOptions,
    StereoOptions,
    choices,
    preset,
    settings_of,
)

KINDS = (StereoOptions, SamplingOptions, NullTextOptions)
RANGED = [
    (kind, each) for kind in KINDS for each in fields(kind) if each.metadata.get("low") is not None
]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"convergence": "far"}, "convergence: got 'far', expected 0 to 1, or auto"),
        ({"convergence": 1.5}, "convergence: got 1.5, expected 0 to 1"),
        ({"eye": "left", "shift_both": True}, "eye: got 'left', but shift_both"),
        ({"eye": "both"}, "eye: got 'both', expected one of left, right"),
    ],
)
def test_bad_options_are_one_line(changes, message):
    with pytest.raises(ValueError, match=message):
        StereoOptions(**changes)


def test_best_refuses_what_would_move_the_left_view():
    for changes in ({"shift_both": True}, {"direction": "bi"}):
        with pytest.raises(ValueError, match="fusion: keeps the left view"):
            preset("best", **changes)
    with pytest.raises(ValueError, match="scale_percent: got -8 with fusion"):
        preset("best", scale_percent=-8)


@pytest.mark.parametrize(("kind", "each"), RANGED, ids=lambda value: getattr(value, "name", None))
@given(data=st.data())
def test_numbers_out_of_their_range_are_named(kind, each, data):
    low, high = each.metadata["low"], each.metadata["high"]
    outside = [math.nan, -math.inf, low - data.draw(st.integers(1, 10**9))]
    if high is not None:
        outside += [math.inf, high + data.draw(st.integers(1, 10**9))]
    for value in outside:
        with pytest.raises(ValueError, match=f"^{each.name}: got "):
            replace(kind(), **{each.name: value})


@pytest.mark.parametrize("kind", KINDS)
def test_every_choice_is_checked_and_every_field_explained(kind):
    for each in fields(kind):
        assert each.name == "preset" or each.metadata["help"]
        if choices(each):
            with pytest.raises(ValueError, match=f"{each.name}: got 'neither', expected one of"):
                replace(kind(), **{each.name: "neither"})


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_takes_changes_and_none_is_no_change(name):
    assert preset(name, deblur=None) == PRESETS[name]
    assert preset(name, deblur=not PRESETS[name].deblur) != PRESETS[name]
    assert preset(name).preset == name


def test_unknown_presets_and_fields_are_named():
    with pytest.raises(ValueError, match="preset: got 'fast', expected one of original, paper"):
        preset("fast")
    with pytest.raises(ValueError, match="scale: not a stereo option, expected one of"):
        preset("paper", scale=3)


@pytest.mark.parametrize("side_px", [65, 100, 64 + 1])
def test_sizes_are_multiples(side_px):
    with pytest.raises(ValueError, match=f"width_px: got {side_px}, expected a multiple of 64"):
        SamplingOptions(width_px=side_px)


def test_samples_have_seeds_one_after_the_other():
    assert list(SamplingOptions(seed=7, samples=3).seeds) == [7, 8, 9]


def test_settings_hold_every_field_of_both():
    settings = settings_of(preset("best"), SamplingOptions())
    names = {each.name for kind in KINDS[:2] for each in fields(kind)}
    assert set(settings) == names
