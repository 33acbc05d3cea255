"""First verb: prepare every scene once, and let every method make its right view, as files."""

import logging
import time
from dataclasses import dataclass
from functools import partial

import numpy as np

from stereo.depth.map_files import read_stored
from stereo.depth.maps import fill_rows
from stereo.evaluation.commit import git_commit
from stereo.evaluation.datasets.photos import PHOTOS, unpaired
from stereo.evaluation.datasets.scene import Scene, SceneSource
from stereo.evaluation.failures import FAILURES, forget, record
from stereo.evaluation.files import RunFolder, read_mask, write_image, write_map
from stereo.evaluation.json_files import read_json, write_json
from stereo.evaluation.methods.models import Models
from stereo.evaluation.methods.registry import is_generated, make_method
from stereo.evaluation.methods.rendering import RenderingTask
from stereo.evaluation.protocol import fit_scene, visible_in_right
from stereo.evaluation.settings import EvaluationSettings
from stereo.evaluation.sources import disparity_for
from stereo.images import read_image

PREPARE = "prepare"
LEFT, RIGHT, VISIBLE = "left.png", "right.png", "visible.png"
DISPARITY, TRUTH = "disparity.npy", "truth.npy"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class PreparedScene(Scene):
    """A scene at the protocol's size, with the disparity that methods get beside the truth."""

    truth: np.ndarray | None = None


def infer_scene(
    folder: RunFolder, settings: EvaluationSettings, source: SceneSource, models: Models
) -> int:
    """Make what is missing of one scene; returns how many parts of it failed."""
    missing = [m for m in settings.methods if not folder.sidecar(m, source.name).is_file()]
    try:
        prepare(folder, settings, source, models)
        scene = read_scene(folder, source.name)
    except FAILURES as error:
        record(folder, PREPARE, source.name, error)
        return 1
    forget(folder, PREPARE, source.name)
    return sum(not _render(folder, method, scene, models) for method in missing)


def prepare(
    folder: RunFolder, settings: EvaluationSettings, source: SceneSource, models: Models
) -> None:
    """Write a scene's views and maps, its sidecar last; nothing to do where that is complete.

    A right view or a truth that was missing is looked for again.
    """
    sidecar, file = folder.scene(source.name), partial(folder.scene, source.name)
    stored = (file(RIGHT).is_file(), file(TRUTH).is_file())
    if sidecar.is_file() and all(stored):
        return
    scene = fit_scene(source.load(), settings.protocol)
    if sidecar.is_file() and stored == (scene.right is not None, scene.disparity is not None):
        return
    if settings.data.kind == PHOTOS:
        scene = unpaired(scene, models.monocular)
    sidecar.unlink(missing_ok=True)  # until all of the new files are there
    disparity = disparity_for(scene, settings.disparity, models.monocular)
    # The truth decides about visible pixels where there is one.
    reference = disparity if scene.disparity is None else fill_rows(scene.disparity)
    visible, evidence = visible_in_right(scene, reference)
    write_image(file(LEFT), scene.left)
    if scene.right is not None:
        write_image(file(RIGHT), scene.right)
    if scene.disparity is not None:
        write_map(file(TRUTH), scene.disparity)
    write_map(file(DISPARITY), disparity)
    write_image(file(VISIBLE), visible)
    notes = {
        "scene": source.name,
        "group": source.group,
        "prompt": scene.prompt,
        "disparity": settings.disparity,
        "disparity_max_px": round(float(disparity.max()), 4),
        "visible": evidence,
    }
    write_json(sidecar, notes)


def read_scene(folder: RunFolder, name: str) -> PreparedScene:
    """Read a prepared scene back.

    Raises:
        ValueError: when one of its files is damaged.
        OSError: when one cannot be read.
    """
    right, truth = (folder.scene(name, part) for part in (RIGHT, TRUTH))
    return PreparedScene(
        name,
        read_image(folder.scene(name, LEFT)),
        read_image(right) if right.is_file() else None,
        read_stored(folder.scene(name, DISPARITY)),
        read_mask(folder.scene(name, VISIBLE)),
        prompt=str(read_json(folder.scene(name), {}).get("prompt", "")),
        truth=read_stored(truth) if truth.is_file() else None,
    )


def _render(folder: RunFolder, method: str, scene: PreparedScene, models: Models) -> bool:
    task = RenderingTask(scene.name, scene.left, scene.disparity, scene.prompt)
    try:
        if is_generated(method):
            _ = models.diffusion  # loaded here, so that its seconds are not the first view's
        start = time.perf_counter()
        rendering = make_method(method, models)(task)
    except FAILURES as error:
        record(folder, method, scene.name, error)
        return False
    seconds = time.perf_counter() - start
    write_image(folder.view(method, scene.name), rendering.right)
    write_image(folder.valid(method, scene.name), rendering.valid)
    sidecar = {
        "method": method,
        "scene": scene.name,
        "seconds": round(seconds, 3),
        "git_commit": git_commit(),
        "settings": rendering.settings,
    }
    write_json(folder.sidecar(method, scene.name), sidecar)
    forget(folder, method, scene.name)
    log.debug("%s, %s: %.1f s", scene.name, method, seconds)
    return True
