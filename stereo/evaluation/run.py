"""A run: the three verbs over this process's share of the scenes."""

import logging
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import torch
from tqdm import tqdm

from stereo.cli.command import one_line
from stereo.cli.shards import Shard
from stereo.evaluation.datasets.listing import list_scenes
from stereo.evaluation.datasets.scene import SceneSource
from stereo.evaluation.files import TABLE, RunFolder, claim_method, claim_run, read_run
from stereo.evaluation.infer import infer_scene
from stereo.evaluation.lpips import MISSING, find_backbones, load_lpips
from stereo.evaluation.methods.models import Models
from stereo.evaluation.methods.registry import is_generated, method_record
from stereo.evaluation.report import write_report
from stereo.evaluation.results import SCORED, Result, read_results
from stereo.evaluation.score import score_scene
from stereo.evaluation.settings import EvaluationSettings
from stereo.evaluation.sheet import write_sheet

log = logging.getLogger(__name__)


def claim(folder: RunFolder, settings: EvaluationSettings) -> list[SceneSource]:
    """List a run's scenes, and take its folder for them.

    Raises:
        ValueError: when the folder holds another configuration, or the data set is empty.
        OSError: when the data set or a checkpoint is missing.
    """
    sources = list_scenes(settings.data)
    listed = [{"name": source.name, "group": source.group} for source in sources]
    claim_run(folder, settings.fingerprint(), listed)
    generated = any(is_generated(method) for method in settings.methods)
    generation = settings.generation.record() if generated else {}
    for method in settings.methods:
        claim_method(folder, method, method_record(method, generation))
    return sources


def infer(
    folder: RunFolder,
    settings: EvaluationSettings,
    sources: list[SceneSource],
    *,
    device: str | None = None,
) -> int:
    """Make right views of the given scenes; returns how many parts failed."""
    models = Models(replace(settings.generation, device=device or settings.generation.device))
    todo = _progress(sources, "infer")
    return sum(infer_scene(folder, settings, source, models) for source in todo)


def use_one_thread() -> None:
    """Compute on one CPU thread, so that sums are taken in one order in any number of processes."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)


def score(folder: RunFolder, lpips: Path | None, shard: Shard) -> int:
    """Score right views; returns how many parts failed.

    Raises:
        ValueError: when the folder holds no run.
        OSError: when `lpips` does not exist.
    """
    scenes = read_run(folder)["scenes"]
    backbones = find_backbones(lpips)
    if not backbones:
        log.info("LPIPS %s (squeezenet1_1*.pth in models/, or --lpips PATH)", MISSING)
    networks = [load_lpips(name, path) for name, path in backbones.items()]
    methods = folder.methods_on_disk()
    todo = _progress(shard.of(scenes), "score")
    return sum(score_scene(folder, methods, scene["name"], networks) for scene in todo)


def draw(folder: RunFolder, shard: Shard) -> None:
    """Draw the contact sheets that are missing or older than their views."""
    results = read_results(folder, shard.of(read_run(folder)["scenes"]))
    todo = [result for result in results if not result.has_failed]
    for result in _progress(todo, "draw", unit="sheet"):
        try:
            write_sheet(folder, result.method, result.scene)
        except (ValueError, OSError) as error:
            log.warning("no sheet of %s, %s: %s", result.scene, result.method, one_line(error))


def report(folder: RunFolder) -> list[Result]:
    """Write tables, and the Markdown table's path to stdout."""
    results = write_report(folder)
    failed = sum(result.has_failed for result in results)
    scored = sum(result.status == SCORED for result in results)
    log.info("%d of %d views scored, %d failed", scored, len(results), failed)
    sys.stdout.write(f"{folder.root / TABLE}\n")
    return results


def _progress(items: list, verb: str, *, unit: str = "scene") -> Iterator:
    return iter(tqdm(items, desc=verb, unit=unit, file=sys.stderr, disable=None))
