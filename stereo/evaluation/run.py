"""A run: the three verbs over this process's share of the scenes."""

import logging
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from stereo.cli.command import one_line
from stereo.cli.shards import Shard
from stereo.evaluation.datasets import SceneSource, list_roots
from stereo.evaluation.files import TABLE, RunFolder, claim_run
from stereo.evaluation.infer import claim_methods, infer_scene
from stereo.evaluation.lpips import MISSING, find_backbones, load_lpips
from stereo.evaluation.methods import Models
from stereo.evaluation.report import write_report
from stereo.evaluation.results import SCORED, Row, read_rows, read_run
from stereo.evaluation.score import score_scene
from stereo.evaluation.settings import RunSettings
from stereo.evaluation.sheet import write_sheet

log = logging.getLogger(__name__)


def claim(folder: RunFolder, settings: RunSettings) -> list[SceneSource]:
    """List a run's scenes, and take its folder for them.

    Raises:
        ValueError: when the folder holds another configuration, or the data set is empty.
        OSError: when the data set or a checkpoint is missing.
    """
    sources = list_roots(
        settings.kind,
        settings.roots,
        count=settings.count,
        render_px=settings.render_px,
        only=settings.only,
        groups=settings.groups,
    )
    listed = [{"name": source.name, "group": source.group} for source in sources]
    claim_run(folder, settings.fingerprint(), listed)
    claim_methods(folder, settings)
    return sources


def infer(
    folder: RunFolder,
    settings: RunSettings,
    sources: list[SceneSource],
    *,
    device: str | None = None,
) -> int:
    """Make right views of the given scenes; returns how many parts failed."""
    models = Models(replace(settings.generation, device=device or settings.generation.device))
    todo = _progress(sources, "infer")
    return sum(infer_scene(folder, settings, source, models) for source in todo)


def take_one_thread() -> None:
    """Compute on one CPU thread, so that sums are taken in one order in any number of processes."""
    import cv2
    import torch

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
    scenes = shard.of(read_run(folder)["scenes"])
    rows = [row for row in read_rows(folder, scenes) if not row.status.startswith("failed")]
    for row in _progress(rows, "draw", unit="sheet"):
        try:
            write_sheet(folder, row)
        except (ValueError, OSError) as error:
            log.warning("no sheet of %s, %s: %s", row.scene, row.method, one_line(error))


def report(folder: RunFolder) -> list[Row]:
    """Write tables, and the Markdown table's path to stdout."""
    rows = write_report(folder)
    failed = sum(row.status.startswith("failed") for row in rows)
    scored = sum(row.status == SCORED for row in rows)
    log.info("%d of %d views scored, %d failed", scored, len(rows), failed)
    sys.stdout.write(f"{folder.root / TABLE}\n")
    return rows


def _progress(items: list, verb: str, *, unit: str = "scene") -> Iterator:
    from tqdm import tqdm

    return iter(tqdm(items, desc=verb, unit=unit, file=sys.stderr, disable=None))
