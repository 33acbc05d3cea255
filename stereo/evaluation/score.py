"""Second verb: metrics of right views, from files alone."""

import hashlib
import logging
from pathlib import Path
from typing import Any

import numpy as np

from stereo.evaluation.failures import forget, record
from stereo.evaluation.files import RunFolder, read_json, write_json
from stereo.evaluation.geometry import end_point_error, fill_rows, sgbm_disparity, share_off
from stereo.evaluation.infer import PreparedScene, read_scene
from stereo.evaluation.lpips import Lpips
from stereo.evaluation.metrics import psnr, siou, ssim
from stereo.evaluation.protocol import LARGEST_SHARE
from stereo.images import read_image
from stereo.pixels.warp import seen_from_right

SCORE = "score"
NO_TRUTH = "not scored: no true right view"
# Written into every score; raise it when a metric changes, and old scores are made anew.
VERSION = 2
MEASURED_AGAINST = ("left.png", "right.png", "truth.npy", "visible.png")

log = logging.getLogger(__name__)


def score_scene(folder: RunFolder, methods: list[str], scene_name: str, lpips: list[Lpips]) -> int:
    """Score what is new or changed of one scene; returns how many parts of it failed."""
    methods = [method for method in methods if folder.view(method, scene_name).is_file()]
    if not methods or not (folder.scene(scene_name) / "scene.json").is_file():
        return 0
    known = _digests(folder, scene_name)
    stamps = {method: _stamp(folder, method, scene_name, lpips, known) for method in methods}
    new = [m for m in methods if _stored_stamp(folder, m, scene_name) != stamps[m]]
    if not new:
        return 0
    scene = read_scene(folder, scene_name)
    if scene.right is None:
        log.warning("scene %s: %s", scene_name, NO_TRUTH)
    failed = 0
    for method in new:
        try:
            values = _score(folder, method, scene, lpips)
        except (ValueError, OSError) as error:
            record(folder, f"{SCORE}-{method}", scene_name, error)
            failed += 1
            continue
        forget(folder, f"{SCORE}-{method}", scene_name)
        write_json(folder.score(method, scene_name), {"stamp": stamps[method], "metrics": values})
    return failed


def _score(
    folder: RunFolder, method: str, scene: PreparedScene, lpips: list[Lpips]
) -> dict[str, float | None]:
    output = read_image(folder.view(method, scene.name))
    if output.shape != scene.left.shape:
        raise ValueError(
            f"right view: got {output.shape[1]}x{output.shape[0]} px of {method}, expected "
            f"{scene.left.shape[1]}x{scene.left.shape[0]}"
        )
    values = geometry_metrics(output, scene)
    if scene.right is not None:
        values = {**image_metrics(output, scene, lpips), **values}
    return {key: _rounded(value) for key, value in values.items()}


def image_metrics(output: np.ndarray, scene: PreparedScene, lpips: list[Lpips]) -> dict[str, float]:
    """Return metrics against the true right view, on all, visible and occluded pixels."""
    masks = {"": None, "_visible": scene.visible, "_occluded": ~scene.visible}
    values: dict[str, float] = {}
    for suffix, mask in masks.items():
        values[f"psnr{suffix}"] = psnr(output, scene.right, mask)
        values[f"ssim{suffix}"] = ssim(output, scene.right, mask)
    for network in lpips:
        found = network.distances(output, scene.right, list(masks.values()))
        names = [f"lpips_{network.name}{suffix}" for suffix in masks]
        values |= dict(zip(names, found, strict=True))
    values["siou"] = siou(output, scene.right, left=scene.left)
    return values


def geometry_metrics(output: np.ndarray, scene: PreparedScene) -> dict[str, float]:
    """Return errors of SGBM's disparity of the pair against the truth, in the left view.

    Unmatched pixels are filled along rows, so a method gains nothing by what cannot be matched.
    Occluded here are left pixels that the right eye does not see.
    """
    if scene.truth is None:
        return {}
    dense = fill_rows(scene.truth)
    largest = max(LARGEST_SHARE * output.shape[1], float(dense.max()))
    matched = sgbm_disparity(scene.left, output, largest_px=largest)
    found = fill_rows(matched) if np.isfinite(matched).any() else np.zeros_like(dense)
    seen = seen_from_right(dense)
    masks = (("", None), ("_visible", seen), ("_occluded", ~seen))
    errors = {f"epe{suffix}": end_point_error(found, scene.truth, m) for suffix, m in masks}
    return {**errors, **{f"d3{suffix}": share_off(found, scene.truth, m) for suffix, m in masks}}


def _rounded(value: float) -> float | None:
    """Return a value that is written the same everywhere; JSON has no NaN."""
    return round(float(value), 6) if np.isfinite(value) else None


def _digests(folder: RunFolder, scene: str) -> dict[str, str]:
    """Return digests of what a scene's views are measured against."""
    paths = [folder.scene(scene) / name for name in MEASURED_AGAINST]
    return {path.stem: _digest(path) for path in paths if path.is_file()}


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _stamp(
    folder: RunFolder, method: str, scene: str, lpips: list[Lpips], known: dict[str, str]
) -> dict[str, Any]:
    view = _digest(folder.view(method, scene))
    networks = {network.name: network.digest for network in lpips}
    return {"version": VERSION, "view": view, "lpips": networks, **known}


def _stored_stamp(folder: RunFolder, method: str, scene: str) -> dict[str, Any] | None:
    path = folder.score(method, scene)
    return read_json(path)["stamp"] if path.is_file() else None
