"""Stereo Pixel Shift against the published code's numbers and a plain triple loop."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from stereo.method.shift import fill_with_background, round_cells, shift
from tests.oracles import loop_shift

offsets = st.tuples(
    st.integers(1, 2), st.integers(1, 4), st.integers(1, 24), st.integers(0, 2**31), st.booleans()
)


@given(offsets)
@settings(max_examples=80)
def test_shift_equals_the_triple_loop_bit_for_bit(case):
    batch, height, width, seed, leftward = case
    rng = np.random.default_rng(seed)
    view = torch.from_numpy(rng.standard_normal((batch, 3, height, width)).astype(np.float32))
    # Few levels make ties; a disparity per cell makes collisions and holes.
    levels = rng.integers(0, 6, (batch, height, width)) / 5
    scale = float(rng.uniform(0, 9)) * (-1 if leftward else 1)
    rounding = ("truncate", "nearest")[seed % 2]
    offset = round_cells(torch.from_numpy(levels).float() * scale, rounding)
    shifted, valid = shift(view, offset, eye="right" if leftward else "left")
    expected, expected_valid = loop_shift(view, offset)
    assert torch.equal(valid, expected_valid)
    assert torch.equal(shifted, expected)


@given(offsets)
@settings(max_examples=40)
def test_subpixel_agrees_with_whole_cells_on_whole_offsets(case):
    batch, height, width, seed, leftward = case
    rng = np.random.default_rng(seed)
    view = torch.from_numpy(rng.standard_normal((batch, 2, height, width)).astype(np.float32))
    cells = rng.integers(0, 5, (batch, height, width)) * (-1 if leftward else 1)
    whole = torch.from_numpy(cells)
    eye = "right" if leftward else "left"
    expected, expected_valid = shift(view, whole, eye=eye)
    shifted, valid = shift(view, whole.float(), eye=eye)
    assert torch.equal(valid, expected_valid)
    torch.testing.assert_close(shifted, expected, atol=1e-6, rtol=0)


def test_subpixel_moves_a_ramp_by_the_exact_amount():
    ramp = torch.arange(32.0).expand(1, 1, 4, 32)
    offset = torch.full((1, 4, 32), -2.25)
    shifted, valid = shift(ramp, offset)
    inside = slice(0, 28)
    assert valid[..., inside].all()
    torch.testing.assert_close(shifted[..., inside], ramp[..., inside] + 2.25, atol=1e-5, rtol=0)


def test_nearer_hides_farther_and_uncovers_a_hole_on_its_right():
    view = torch.arange(16.0).expand(1, 1, 1, 16)
    near = torch.zeros(1, 1, 16)
    near[..., 8:12] = 1
    shifted, valid = shift(view, round_cells(-3 * near, "nearest"))
    assert shifted[0, 0, 0, 5:9].tolist() == [8, 9, 10, 11]
    assert valid[0, 0, 0].tolist() == [x not in (9, 10, 11) for x in range(16)]


def test_offset_of_another_size_is_refused_in_one_line():
    with pytest.raises(ValueError, match=r"offset: got shape \(1, 4, 5\)"):
        shift(torch.zeros(1, 4, 4, 4), torch.zeros(1, 4, 5, dtype=torch.int64))


def test_background_continues_into_holes():
    values = torch.tensor([[[[5.0, 5, 0, 0, 1, 1, 0]]]])
    valid = torch.tensor([[[[True, True, False, False, True, True, False]]]])
    filled = fill_with_background(values, valid)
    assert filled.flatten().tolist() == [5, 5, 1, 1, 1, 1, 1]
