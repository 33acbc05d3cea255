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


def half_side_by_side(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Squeeze each view to half of its width, (H, W, 3) for an even W."""
    height, width = left.shape[:2]
    size = ((width + 1) // 2, height)
    return side_by_side(_resize(left, size), _resize(right, size))


def split_half_columns(picture: np.ndarray) -> Views:
    """Take squeezed views apart and stretch them to the full width again."""
    views = split_columns(picture)
    size = (picture.shape[1], picture.shape[0])
    return _resize(views[0], size), _resize(views[1], size)


def top_bottom(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Put the left view above the right one, (2H, W, 3)."""
    return np.concatenate([left, right], axis=0)


def split_rows(picture: np.ndarray) -> Views:
    """Take two views of equal height apart."""
    return _halves(picture, axis=0)


def half_top_bottom(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Squeeze each view to half of its height, (H, W, 3) for an even H."""
    height, width = left.shape[:2]
    size = (width, (height + 1) // 2)
    return top_bottom(_resize(left, size), _resize(right, size))


def split_half_rows(picture: np.ndarray) -> Views:
    """Take squeezed views apart and stretch them to the full height again."""
    views = split_rows(picture)
    size = (picture.shape[1], picture.shape[0])
    return _resize(views[0], size), _resize(views[1], size)


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

    def pack(left: np.ndarray, right: np.ndarray) -> np.ndarray:
        return layout.pack(right, left)

    def unpack(picture: np.ndarray) -> Views:
        right, left = layout.unpack(picture)
        return left, right

    return Layout(pack, unpack)


SIDE_BY_SIDE = Layout(side_by_side, split_columns)
HALF_SIDE_BY_SIDE = Layout(half_side_by_side, split_half_columns)
TOP_BOTTOM = Layout(top_bottom, split_rows)
HALF_TOP_BOTTOM = Layout(half_top_bottom, split_half_rows)
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
