"""A scene of a data set, as it lies on disk: two views and what is known about them."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class Scene:
    """Views (H, W, 3) uint8 and maps (H, W) of the left view.

    Attributes:
        name: unique in its data set, usable as a file name.
        left: left view.
        right: true right view; None where there is none.
        disparity: float32 in pixels, NaN where unknown; None where there is none.
        visible: of the *right* view, True where the left eye sees it too; None where not known
            exactly.
        prompt: description, for methods that take one.
        square: cut the centred square before resizing, as usual for KITTI.
    """

    name: str
    left: np.ndarray
    right: np.ndarray | None = None
    disparity: np.ndarray | None = None
    visible: np.ndarray | None = None
    prompt: str = ""
    square: bool = False

    def __post_init__(self) -> None:
        shape = self.left.shape[:2]
        for name in ("right", "disparity", "visible"):
            array = getattr(self, name)
            if array is not None and array.shape[:2] != shape:
                raise ValueError(
                    f"{name}: got {_size(array)} px in scene {self.name}, expected the left "
                    f"view's {_size(self.left)}"
                )


def _size(array: np.ndarray) -> str:
    return f"{array.shape[1]}x{array.shape[0]}"


@dataclass(frozen=True)
class SceneSource:
    """A scene that is read when it is needed; means are taken over scenes of one `group`."""

    name: str
    group: str
    load: Callable[[], Scene]


def require_folder(root: Path, *, official_name: str, expected: str) -> None:
    """Raise unless `root` is a folder; says the data set's name and what belongs there."""
    if not root.is_dir():
        raise FileNotFoundError(
            f"data: no folder {root}; expected {expected} of the data set '{official_name}'"
        )


def require_scenes(scenes: list[SceneSource], root: Path, *, expected: str) -> list[SceneSource]:
    """Return the scenes; raise when there is none."""
    if not scenes:
        raise ValueError(f"data: no scene in {root}, expected {expected}")
    return scenes


def optional(path: Path) -> Path | None:
    """Return the path of a file that may be missing."""
    return path if path.is_file() else None
