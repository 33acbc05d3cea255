"""Whether a picture shows what was asked for: pure functions of pixels and of where objects are."""

import numpy as np

from shapes.report.asks import Ask
from shapes.report.colours import COLOUR_NAMES, colour_names, colour_shares

LEAST_OBJECT = 0.01
LEAST_COLOUR = 0.12
LEAST_GAP = 0.05


def dominant_colour(image: np.ndarray, mask: np.ndarray) -> str | None:
    """Return the colour that most of the object's pixels have.

    Args:
        image: (H, W, 3) uint8.
        mask: (H, W) bool, where the object is; under 1 % of the picture is no object.
    """
    if mask.mean() < LEAST_OBJECT:
        return None
    shares = colour_shares(image, mask)
    return max(shares, key=shares.get)


def colour_places(image: np.ndarray, mask: np.ndarray) -> dict[str, float]:
    """Return the median column, in picture widths, of every colour that the objects have.

    A colour counts from 12 % of the objects' pixels on.
    """
    if mask.mean() < LEAST_OBJECT:
        return {}
    columns = np.broadcast_to((np.arange(mask.shape[1]) + 0.5) / mask.shape[1], mask.shape)
    names = colour_names(image)
    present = [name for name, share in colour_shares(image, mask).items() if share >= LEAST_COLOUR]
    return {
        name: float(np.median(columns[mask & (names == COLOUR_NAMES.index(name))]))
        for name in present
    }


def shows_pair(image: np.ndarray, mask: np.ndarray, ask: Ask) -> bool:
    """Tell whether both colours are there, the left one left by 5 % of the width or more."""
    places = colour_places(image, mask)
    left, right = ask.colours
    if left not in places or right not in places:
        return False
    return places[right] - places[left] >= LEAST_GAP
