"""A colour keeps its name under any light."""

import numpy as np
import pytest

from shapes.report.colours import lab
from shapes.report.verdicts import dominant_colour
from shapes.world.materials import COLOURS


def paint(colour: str) -> tuple[int, ...]:
    return tuple(round(255 * part) for part in COLOURS[colour])


@pytest.mark.parametrize("shade", [0.55, 0.8, 1.0])
@pytest.mark.parametrize("colour", COLOURS)
def test_a_shaded_colour_keeps_its_name(colour: str, shade: float):
    if colour == "orange" and shade < 0.6:
        pytest.skip("dark orange is brown")
    pixels = np.full((4, 4, 3), [round(c * shade) for c in paint(colour)], np.uint8)
    assert dominant_colour(pixels, np.ones((4, 4), bool)) == colour


def test_lab_of_known_colours():
    found = lab(np.array([[1.0, 1.0, 1.0], [0.0, 0.0, 0.0], [1.0, 0.0, 0.0]]))
    expected = [[100, 0, 0], [0, 0, 0], [53.24, 80.09, 67.20]]
    np.testing.assert_allclose(found, expected, atol=0.05)
