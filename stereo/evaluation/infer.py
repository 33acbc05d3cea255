"""First verb: prepare every scene once, and let every method make its right view, as files."""

import logging
import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from stereo.evaluation.commit import git_commit
from stereo.evaluation.datasets.scene import SceneSource
from stereo.evaluation.failures import FAILURES, forget, record
from stereo.evaluation.files import (
    RunFolder,
    claim_method,
    read_json,
    read_mask,
    write_image,
    write_json,
    write_map,
)
from stereo.evaluation.methods import Models, Task, is_generated, make_method, method_settings
from stereo.evaluation.protocol import fit_scene, visible_in_right
from stereo.evaluation.settings import RunSettings
from stereo.evaluation.sources import disparity_for
from stereo.images import read_image

PREPARE = "prepare"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class PreparedScene:
    """A scene at the protocol's size, as read back from the run's folder."""

    name: str
    group: str
    left: np.ndarray
    right: np.ndarray | None
    disparity: np.ndarray
    truth: np.ndarray | None
    visible: np.ndarray
    notes: dict[str, Any]


def claim_methods(folder: RunFolder, settings: RunSettings) -> None:
    """Refuse methods whose views in this folder were made with other settings."""
    generated = any(is_generated(method) for method in settings.methods)
    generation = settings.generation.settings() if generated else {}
    for method in settings.methods:
        claim_method(folder, method, method_settings(method, generation))


def infer_scene(
    folder: RunFolder, settings: RunSettings, source: SceneSource, models: Models
) -> int:
    """Make what is missing of one scene; returns how many parts of it failed."""
    wanted = [m for m in settings.methods if not folder.sidecar(m, source.name).is_file()]
    try:
        prepare(folder, settings, source, models)
        scene = read_scene(folder, source.name)
    except FAILURES as error:
        record(folder, PREPARE, source.name, error)
        return 1
    forget(folder, PREPARE, source.name)
    return sum(not _render(folder, method, scene, models) for method in wanted)


def prepare(folder: RunFolder, settings: RunSettings, source: SceneSource, models: Models) -> None:
    """Write a scene's views and maps, its sidecar last; nothing to do where that is complete.

    A right view or a truth that was missing is looked for again.
    """
    place = folder.scene(source.name)
    known = (place / "scene.json").is_file()
    if known and all((place / name).is_file() for name in ("right.png", "truth.npy")):
        return
    scene = fit_scene(source.load(), settings.protocol)
    if known:
        found = (scene.right is not None, scene.disparity is not None)
        if found == tuple((place / name).is_file() for name in ("right.png", "truth.npy")):
            return
    disparity = disparity_for(scene, settings.disparity, models.monocular)
    visible, known_by = visible_in_right(scene, reference_disparity(scene, disparity))
    write_image(place / "left.png", scene.left)
    if scene.right is not None:
        write_image(place / "right.png", scene.right)
    if scene.disparity is not None:
        write_map(place / "truth.npy", scene.disparity)
    write_map(place / "disparity.npy", disparity)
    write_image(place / "visible.png", visible)
    notes = {
        "scene": source.name,
        "group": source.group,
        "prompt": scene.prompt,
        "disparity": settings.disparity,
        "disparity_max_px": round(float(disparity.max()), 4),
        "visible": known_by,
    }
    write_json(place / "scene.json", notes)


def reference_disparity(scene: Any, given: np.ndarray) -> np.ndarray:
    """Return the disparity that decides about visible pixels: the truth, else the given one."""
    from stereo.evaluation.geometry import fill_rows

    return given if scene.disparity is None else fill_rows(scene.disparity)


def read_scene(folder: RunFolder, name: str) -> PreparedScene:
    """Read a prepared scene back."""
    place = folder.scene(name)
    notes = read_json(place / "scene.json")
    right, truth = place / "right.png", place / "truth.npy"
    return PreparedScene(
        name,
        notes["group"],
        read_image(place / "left.png"),
        read_image(right) if right.is_file() else None,
        np.load(place / "disparity.npy", allow_pickle=False),
        np.load(truth, allow_pickle=False) if truth.is_file() else None,
        read_mask(place / "visible.png"),
        notes,
    )


def _render(folder: RunFolder, method: str, scene: PreparedScene, models: Models) -> bool:
    task = Task(scene.name, scene.left, scene.disparity, scene.notes["prompt"])
    try:
        if is_generated(method):
            _ = models.diffusion  # loaded here, so that its seconds are not the first view's
        started = time.perf_counter()
        made = make_method(method, models)(task)
    except FAILURES as error:
        record(folder, method, scene.name, error)
        return False
    seconds = time.perf_counter() - started
    write_image(folder.view(method, scene.name), made.right)
    write_image(folder.valid(method, scene.name), made.valid)
    sidecar = {
        "method": method,
        "scene": scene.name,
        "seconds": round(seconds, 3),
        "git_commit": git_commit(),
        "settings": made.settings,
    }
    write_json(folder.sidecar(method, scene.name), sidecar)
    forget(folder, method, scene.name)
    log.debug("%s, %s: %.1f s", scene.name, method, seconds)
    return True
