"""The scenes that a run's data settings name, in a fixed order."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from omegaconf import MISSING

from stereo.evaluation.datasets.folder import list_folder
from stereo.evaluation.datasets.manifest import list_manifest
from stereo.evaluation.datasets.official import list_kitti, list_middlebury
from stereo.evaluation.datasets.photos import PHOTOS, list_photos
from stereo.evaluation.datasets.scene import SceneSource
from stereo.evaluation.datasets.shapes import list_shapes

SHAPES = "shapes"
READERS: dict[str, Callable[[Path], list[SceneSource]]] = {
    "middlebury2014": list_middlebury,
    "kitti2015": lambda root: list_kitti(root, year=2015),
    "kitti2012": lambda root: list_kitti(root, year=2012),
    "manifest": list_manifest,
    "folder": list_folder,
    PHOTOS: list_photos,
}


@dataclass(frozen=True)
class DataSettings:
    """Which scenes are evaluated.

    Means are taken over `groups` of scenes, which are chosen by words in the scenes' names; scenes
    that no word fits keep the group they have.
    """

    kind: str = MISSING  # a name of READERS, or `shapes`
    root: list[Path] = field(default_factory=list)  # folders or files; none for `shapes`
    count: int | None = None  # of scenes, at most; None takes all
    render_px: int | None = None  # size of rendered scenes (`shapes`)
    only: list[str] = field(default_factory=list)  # words in names of the scenes that are kept
    groups: dict[str, list[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("count", "render_px"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name}: got {value}, expected 1 or more")
        texts: list[list] = [self.root, self.only, *self.groups.values()]
        if any(isinstance(text, list) for several in texts for text in several):
            raise ValueError("config: data holds a list in a list, expected texts")


def list_scenes(data: DataSettings) -> list[SceneSource]:
    """List the scenes of all folders or files, one after the other.

    Raises:
        ValueError: for an unknown kind, no scene, or two scenes of one name.
        OSError: when a folder or a file is missing.
    """
    scenes = _all_scenes(data)
    names = [scene.name for scene in scenes]
    repeated = {name for name in names if names.count(name) > 1}
    if repeated:
        raise ValueError(f"data: more than one scene is named {min(repeated)}")
    kept = [scene for scene in scenes if not data.only or _has_word(scene, data.only)]
    if not kept:
        raise ValueError(f"data: no scene has one of the words {', '.join(data.only)} in its name")
    return [_grouped(scene, data.groups) for scene in kept][: data.count]


def _all_scenes(data: DataSettings) -> list[SceneSource]:
    if data.kind == SHAPES:
        return list_shapes(count=None if data.only else data.count, render_px=data.render_px)
    if data.kind not in READERS:
        expected = ", ".join([*READERS, SHAPES])
        raise ValueError(f"kind: got {data.kind!r}, expected one of {expected}")
    if not data.root:
        raise ValueError(f"root: the data set {data.kind} needs a folder or a file (--data)")
    return [scene for root in data.root for scene in READERS[data.kind](root)]


def _grouped(scene: SceneSource, groups: dict[str, list[str]]) -> SceneSource:
    names = (name for name, words in groups.items() if _has_word(scene, words))
    return replace(scene, group=next(names, scene.group))


def _has_word(scene: SceneSource, words: Sequence[str]) -> bool:
    return any(word in scene.name for word in words)
