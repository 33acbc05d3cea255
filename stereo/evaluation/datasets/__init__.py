"""Data sets: every layout that users have on disk, and the rendered one."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from stereo.evaluation.datasets.kitti import list_kitti
from stereo.evaluation.datasets.manifest import list_folder, list_manifest
from stereo.evaluation.datasets.middlebury import list_middlebury
from stereo.evaluation.datasets.scene import Scene, SceneSource
from stereo.evaluation.datasets.shapes import list_shapes

__all__ = ["KINDS", "Scene", "SceneSource", "list_roots", "list_scenes"]

KINDS: dict[str, Callable[[Path], list[SceneSource]]] = {
    "middlebury2014": list_middlebury,
    "kitti2015": lambda root: list_kitti(root, year=2015),
    "kitti2012": lambda root: list_kitti(root, year=2012),
    "manifest": list_manifest,
    "folder": list_folder,
}


def list_scenes(
    kind: str, root: Path | None, *, count: int | None = None, render_px: int | None = None
) -> list[SceneSource]:
    """List a data set's scenes, at most `count` of them, in a fixed order.

    Args:
        kind: a name of KINDS, or `shapes`.
        root: where it lies; nothing for `shapes`.
        count: of scenes; None takes all.
        render_px: size of rendered scenes (`shapes`).

    Raises:
        ValueError: for an unknown kind, or when there is no scene.
        OSError: when the folder is missing.
    """
    if kind == "shapes":
        given = {"count": count, "render_px": render_px}
        return list_shapes(**{key: value for key, value in given.items() if value is not None})
    if kind not in KINDS:
        raise ValueError(f"kind: got {kind!r}, expected one of {', '.join([*KINDS, 'shapes'])}")
    if root is None:
        raise ValueError(f"root: the data set {kind} needs a folder (--data)")
    return KINDS[kind](Path(root))[:count]


def list_roots(
    kind: str,
    roots: Sequence[Path],
    *,
    count: int | None = None,
    render_px: int | None = None,
    only: Sequence[str] = (),
    groups: Mapping[str, Sequence[str]] | None = None,
) -> list[SceneSource]:
    """List the scenes of several folders or files of one kind, one after the other.

    `only` keeps those with one of these words in their names. `groups` maps the name of a group
    to such words; scenes that none of them fits keep the group they have.

    Raises:
        ValueError: when two scenes have one name, and as `list_scenes`.
        OSError: as `list_scenes`.
    """
    scenes = [
        scene
        for root in (roots or (None,))
        for scene in list_scenes(kind, root, count=None if only else count, render_px=render_px)
    ]
    names = [scene.name for scene in scenes]
    repeated = {name for name in names if names.count(name) > 1}
    if repeated:
        raise ValueError(f"data: more than one scene is named {min(repeated)}")
    kept = [scene for scene in scenes if not only or _has_word(scene, only)]
    if not kept:
        raise ValueError(f"data: no scene has one of the words {', '.join(only)} in its name")
    return [_grouped(scene, groups or {}) for scene in kept][:count]


def _grouped(scene: SceneSource, groups: Mapping[str, Sequence[str]]) -> SceneSource:
    fitting = (name for name, words in groups.items() if _has_word(scene, words))
    return replace(scene, group=next(fitting, scene.group))


def _has_word(scene: SceneSource, words: Sequence[str]) -> bool:
    return any(word in scene.name for word in words)
