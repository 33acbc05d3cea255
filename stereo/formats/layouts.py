"""Two views in one picture, and back: views are (H, W, 3) uint8, left before right."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image

Views = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Layout:
    """A way to put two views into one picture and to take them out again."""

    pack: Callable[[np.ndarray, np.ndarray], np.ndarray]
    unpack: Callable[[np.ndarray], Views]


def side_by_side(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Put the views beside each other, (H, 2W, 3), the left view on the left."""
    return np.concatenate([left, right], axis=1)


def split_columns(picture: np.ndarray) -> Views:
    """Take two views of equal width apart."""
    return _halves(picture, axis=1)


def top_bottom(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Put the left view above the right one, (2H, W, 3)."""
    return np.concatenate([left, right], axis=0)


def split_rows(picture: np.ndarray) -> Views:
    """Take two views of equal height apart."""
    return _halves(picture, axis=0)


def row_interleaved(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Show the left view in rows 0, 2, ... and the right one in rows 1, 3, ..., (H, W, 3)."""
    picture = left.copy()
    picture[1::2] = right[1::2]
    return picture


def split_interleaved(picture: np.ndarray) -> Views:
    """Take the rows of each view and stretch them to the full height again."""
    if picture.shape[0] < 2:
        raise ValueError(f"picture: has {picture.shape[0]} rows, expected two views of rows")
    size = (picture.shape[1], picture.shape[0])
    return _resize(picture[0::2], size), _resize(picture[1::2], size)


def swapped(layout: Layout) -> Layout:
    """Return the layout with the right view first."""
    return Layout(
        lambda left, right: layout.pack(right, left), lambda picture: layout.unpack(picture)[::-1]
    )


def squeezed(layout: Layout, *, axis: int) -> Layout:
    """Return the layout with each view at half its size along an axis, stretched on reading."""

    def half(view: np.ndarray) -> np.ndarray:
        size = [view.shape[0], view.shape[1]]
        size[axis] = (size[axis] + 1) // 2
        return _resize(view, (size[1], size[0]))

    def unpack(picture: np.ndarray) -> Views:
        size = (picture.shape[1], picture.shape[0])
        left, right = layout.unpack(picture)
        return _resize(left, size), _resize(right, size)

    return Layout(lambda left, right: layout.pack(half(left), half(right)), unpack)


SIDE_BY_SIDE = Layout(side_by_side, split_columns)
HALF_SIDE_BY_SIDE = squeezed(SIDE_BY_SIDE, axis=1)
TOP_BOTTOM = Layout(top_bottom, split_rows)
HALF_TOP_BOTTOM = squeezed(TOP_BOTTOM, axis=0)
INTERLEAVED = Layout(row_interleaved, split_interleaved)


def _halves(picture: np.ndarray, axis: int) -> Views:
    size = picture.shape[axis]
    if size < 2 or size % 2:
        side = ("height", "width")[axis]
        raise ValueError(f"picture: {side} {size} cannot hold two views of equal size")
    first, second = np.split(picture, 2, axis=axis)
    return np.ascontiguousarray(first), np.ascontiguousarray(second)


def _resize(view: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    return np.asarray(Image.fromarray(view).resize(size, Image.Resampling.LANCZOS))
