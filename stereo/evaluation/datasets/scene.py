"""A scene of a data set, as it lies on disk: two views and what is known about them."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stereo.images import read_image


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
        for name, array in vars(self).items():
            if isinstance(array, np.ndarray) and array.shape[:2] != self.left.shape[:2]:
                size, expected = ("x".join(map(str, a.shape[1::-1])) for a in (array, self.left))
                raise ValueError(
                    f"{name}: got {size} px in scene {self.name}, expected the left view's "
                    f"{expected}"
                )


@dataclass(frozen=True)
class SceneSource:
    """A scene that is read when it is needed; means are taken over scenes of one `group`."""

    name: str
    group: str
    load: Callable[[], Scene]


def read_scene_files(
    name: str,
    left: Path,
    right: Path | None,
    disparity: Path | None,
    read_disparity: Callable[[Path], np.ndarray],
    *,
    prompt: str = "",
    square: bool = False,
) -> Scene:
    """Read a scene; `right` and `disparity` are None where there is none.

    Raises:
        ValueError: when a file is damaged or of another size.
        OSError: when a file cannot be read.
    """
    return Scene(
        name,
        read_image(left),
        None if right is None else read_image(right),
        None if disparity is None else read_disparity(disparity),
        prompt=prompt,
        square=square,
    )


def require_scenes(scenes: list[SceneSource], root: Path, *, expected: str) -> list[SceneSource]:
    """Return the scenes; raise when there is none."""
    if not scenes:
        raise ValueError(f"data: no scene in {root}, expected {expected}")
    return scenes


def require_folder(root: Path, expected: str) -> None:
    """Require a folder; `expected` is what belongs there, with the data set's name."""
    if not root.is_dir():
        raise FileNotFoundError(f"data: no folder {root}; expected {expected}")


def existing(path: Path) -> Path | None:
    """Return a path that may be missing, or None where it is."""
    return path if path.is_file() else None
