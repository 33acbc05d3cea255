"""Second verb: metrics of right views, from files alone."""

import hashlib
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from stereo.depth.maps import fill_rows
from stereo.evaluation.failures import FAILURES, forget, record
from stereo.evaluation.files import RunFolder
from stereo.evaluation.geometry import (
    LARGEST_SHARE,
    end_point_error,
    sgbm_disparity,
    share_off,
)
from stereo.evaluation.infer import LEFT, RIGHT, TRUTH, VISIBLE, PreparedScene, read_scene
from stereo.evaluation.json_files import NUMBER, read_json, write_json
from stereo.evaluation.lpips import Lpips
from stereo.evaluation.metrics import psnr, siou, ssim_over
from stereo.evaluation.pair_metrics import PairMetric
from stereo.images import read_image
from stereo.pixels.warp import seen_from_right

SCORE = "score"
SCORE_SHAPE = {"stamp": dict, "metrics": {str: NUMBER}}
NO_TRUTH = "not scored: no true right view"
# Written into every score; raise it when a metric changes, and old scores are made anew.
VERSION = 2
MEASURED_AGAINST = (LEFT, RIGHT, TRUTH, VISIBLE)

log = logging.getLogger(__name__)


def score_scene(
    folder: RunFolder,
    methods: list[str],
    scene_name: str,
    lpips: list[Lpips],
    of_pairs: Sequence[PairMetric] = (),
) -> int:
    """Score what is new or changed of one scene; returns how many parts of it failed."""
    methods = [method for method in methods if folder.has_view(method, scene_name)]
    if not methods or not folder.scene(scene_name).is_file():
        return 0
    stamps = {method: _stamp(folder, method, scene_name, [*lpips, *of_pairs]) for method in methods}
    scores = {method: read_score(folder, method, scene_name) for method in methods}
    new = [m for m in methods if scores[m] is None or scores[m]["stamp"] != stamps[m]]
    if not new:
        return 0
    scene = read_scene(folder, scene_name)
    if scene.right is None:
        log.warning("scene %s: %s", scene_name, NO_TRUTH)
    failed = 0
    for method in new:
        try:
            values = _score(folder, method, scene, lpips, of_pairs)
        except FAILURES as error:
            record(folder, f"{SCORE}-{method}", scene_name, error)
            failed += 1
            continue
        forget(folder, f"{SCORE}-{method}", scene_name)
        write_json(folder.score(method, scene_name), {"stamp": stamps[method], "metrics": values})
    return failed


def read_score(folder: RunFolder, method: str, scene: str) -> dict[str, Any] | None:
    """Return a view's `stamp` and `metrics`; None where it is not scored.

    Raises:
        ValueError: when the file is damaged.
    """
    path = folder.score(method, scene)
    return read_json(path, SCORE_SHAPE) if path.is_file() else None


def _score(
    folder: RunFolder,
    method: str,
    scene: PreparedScene,
    lpips: list[Lpips],
    of_pairs: Sequence[PairMetric],
) -> dict[str, float | None]:
    output = read_image(folder.view(method, scene.name))
    if output.shape != scene.left.shape:
        raise ValueError(
            f"right view: got {output.shape[1]}x{output.shape[0]} px of {method}, expected "
            f"{scene.left.shape[1]}x{scene.left.shape[0]}"
        )
    values = geometry_metrics(output, scene)
    for metric in of_pairs:
        values |= metric.scores(scene.left, output)
    if scene.right is not None:
        values = {**image_metrics(output, scene, lpips), **values}
    # Written the same everywhere; JSON has no NaN.
    return {k: round(float(v), 6) if np.isfinite(v) else None for k, v in values.items()}


def image_metrics(output: np.ndarray, scene: PreparedScene, lpips: list[Lpips]) -> dict[str, float]:
    """Return metrics against the true right view, on all, visible and occluded pixels."""
    masks = {"": None, "_visible": scene.visible, "_occluded": ~scene.visible}
    parts = list(masks.values())
    by_name = {
        "psnr": [psnr(output, scene.right, mask) for mask in parts],
        "ssim": ssim_over(output, scene.right, parts),
    }
    for network in lpips:
        by_name[f"lpips_{network.name}"] = network.distances(output, scene.right, parts)
    values = {
        f"{name}{suffix}": value
        for name, each in by_name.items()
        for suffix, value in zip(masks, each, strict=True)
    }
    return {**values, "siou": siou(output, scene.right, left=scene.left)}


def geometry_metrics(output: np.ndarray, scene: PreparedScene) -> dict[str, float]:
    """Return errors of SGBM's disparity of the pair against the truth, in the left view.

    Unmatched pixels are filled along rows, so a method gains nothing by what cannot be matched.
    Occluded here are left pixels that the right eye does not see.
    """
    if scene.truth is None:
        return {}
    true = fill_rows(scene.truth)
    largest_px = max(LARGEST_SHARE * output.shape[1], float(true.max()))
    matched = sgbm_disparity(scene.left, output, largest_px=largest_px)
    disparity = fill_rows(matched) if np.isfinite(matched).any() else np.zeros_like(true)
    visible = seen_from_right(true)
    masks = (("", None), ("_visible", visible), ("_occluded", ~visible))
    metrics = (("epe", end_point_error), ("d3", share_off))
    return {
        f"{name}{suffix}": metric(disparity, scene.truth, mask)
        for name, metric in metrics
        for suffix, mask in masks
    }


def _stamp(
    folder: RunFolder, method: str, scene: str, networks: Sequence[Lpips | PairMetric]
) -> dict[str, Any]:
    """Return what a score depends on: version, networks, view, and what it is held against."""
    files = {Path(name).stem: folder.scene(scene, name) for name in MEASURED_AGAINST}
    digests = {
        name: hashlib.sha256(path.read_bytes()).hexdigest()
        for name, path in {**files, "view": folder.view(method, scene)}.items()
        if path.is_file()
    }
    used = {network.name: network.digest for network in networks}
    return {"version": VERSION, "lpips": used, **digests}
