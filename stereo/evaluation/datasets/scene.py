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


def file_source(
    group: str,
    name: str,
    left: Path,
    right: Path | None,
    disparity: Path | None,
    read_disparity: Callable[[Path], np.ndarray],
    *,
    prompt: str = "",
    square: bool = False,
) -> SceneSource:
    """Return a scene in files; `right` and `disparity` are None where there is none.

    Its `load` raises ValueError when a file is damaged or of another size, OSError when one cannot
    be read.
    """

    def load() -> Scene:
        true = disparity and read_disparity(disparity)
        views = (read_image(left), right and read_image(right))
        return Scene(name, *views, true, prompt=prompt, square=square)

    return SceneSource(name, group, load)


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
