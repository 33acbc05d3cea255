"""Data sets: every layout that users have on disk, and the rendered one."""

from collections.abc import Callable
from pathlib import Path

from stereo.evaluation.datasets.kitti import list_kitti
from stereo.evaluation.datasets.manifest import list_folder, list_manifest
from stereo.evaluation.datasets.middlebury import list_middlebury
from stereo.evaluation.datasets.scene import Scene, SceneSource
from stereo.evaluation.datasets.shapes import list_shapes

__all__ = ["KINDS", "Scene", "SceneSource", "list_scenes"]

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
