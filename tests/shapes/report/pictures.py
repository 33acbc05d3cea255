"""Pictures whose verdict is known."""

import numpy as np

from shapes.world.materials import COLOURS

SIDE = 64
GREY = (128, 128, 128)


def paint(colour: str) -> tuple[int, ...]:
    return tuple(round(255 * part) for part in COLOURS[colour])


def picture(*patches: tuple[str, slice]) -> tuple[np.ndarray, np.ndarray]:
    """Paint upright patches of a colour on grey; returns the image and where they are."""
    image = np.full((SIDE, SIDE, 3), GREY, np.uint8)
    mask = np.zeros((SIDE, SIDE), bool)
    for colour, columns in patches:
        image[16:48, columns] = paint(colour)
        mask[16:48, columns] = True
    return image, mask
