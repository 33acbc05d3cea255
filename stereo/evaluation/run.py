"""A run: the three verbs over this process's share of the scenes."""

import argparse
import logging
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import torch
from tqdm import tqdm

from ldm.files import remove_stale
from stereo.cli.command import one_line
from stereo.cli.shards import Team, parse_shard
from stereo.cli.types import check_writable
from stereo.evaluation.datasets.listing import list_scenes
from stereo.evaluation.datasets.scene import SceneSource
from stereo.evaluation.files import TABLE, RunFolder, claim_method, claim_run, read_run
from stereo.evaluation.infer import infer_scene
from stereo.evaluation.lpips import MISSING, Lpips, find_backbones, load_lpips
from stereo.evaluation.methods.models import Models
from stereo.evaluation.methods.registry import is_generated, method_record
from stereo.evaluation.pair_metrics import NOT_INSTALLED, PairMetric, load_pair_metrics
from stereo.evaluation.report import find_place, put_tables, write_report
from stereo.evaluation.results import SCORED, read_results
from stereo.evaluation.score import score_scene
from stereo.evaluation.settings import EvaluationSettings
from stereo.evaluation.sheet import write_sheet
from stereo.evaluation.sources import MONOCULAR
from stereo.runtime.device import choose_device

log = logging.getLogger(__name__)


def run(args: argparse.Namespace, settings: EvaluationSettings | None) -> int:
    """Run the verbs of the command line; returns how many parts failed.

    `settings` are None where nothing is inferred.

    Raises:
        ValueError: when the folder holds no run or another one, or the data set is empty.
        OSError: when data, a checkpoint or LPIPS weights are missing.
    """
    by_hand = parse_shard(args.shard) if args.shard else None
    check_writable(args.out, "out")
    choose_device(args.device)
    folder, failed = RunFolder(args.out), 0
    if args.into is not None:
        find_place(folder, args.into)
    # Before the other processes start, so that bad input is said once.
    of_pairs = load_pair_metrics(args.pair_metric) if args.verb in ("score", "all") else []
    sources = [] if settings is None else claim(folder, settings)
    scenes = read_run(folder)["scenes"]
    networks = load_backbones(args.lpips) if args.verb in ("score", "all") else []
    remove_stale(folder.root, recursive=True)
    team = Team(devices=args.devices, nodes=args.num_nodes, device=args.device)
    # One thread, so that sums are taken in one order in any number of processes.
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    shard = by_hand or team.shard
    if settings is not None:
        device = team.device or settings.generation.device
        models = Models(replace(settings.generation, device=device))
        load_first(folder, settings, shard.of(sources), models)
        todo = _progress(shard.of(sources), "infer")
        failed += sum(infer_scene(folder, settings, source, models) for source in todo)
    if args.verb in ("score", "all"):
        failed += score(folder, shard.of(scenes), networks, of_pairs)
    if args.verb in ("report", "all") and not args.no_sheets:
        draw(folder, shard.of(scenes))
    failed = team.total(failed)
    if not team.leads:
        # The first process speaks for all; another one's failure would end it.
        return 0
    if args.verb == "report" or (args.verb == "all" and by_hand is None):
        failed += report(folder)
        if args.into is not None:
            put_tables(folder, args.into)
    return failed


def claim(folder: RunFolder, settings: EvaluationSettings) -> list[SceneSource]:
    """List a run's scenes, and take its folder for them."""
    sources = list_scenes(settings.data)
    listed = [{"name": source.name, "group": source.group} for source in sources]
    claim_run(folder, settings.fingerprint(), listed)
    generated = any(is_generated(method) for method in settings.methods)
    generation = settings.generation.record() if generated else {}
    for method in settings.methods:
        claim_method(folder, method, method_record(method, generation))
    return sources


def load_first(
    folder: RunFolder, settings: EvaluationSettings, sources: list[SceneSource], models: Models
) -> None:
    """Load the networks that some scene needs: a bad checkpoint is said before all work.

    Raises:
        ValueError: a checkpoint cannot be used.
        OSError: one is missing.
    """
    generated = [method for method in settings.methods if is_generated(method)]
    if settings.disparity in MONOCULAR:
        if not all(folder.scene(source.name).is_file() for source in sources):
            _ = models.depth
    if not all(folder.has_view(method, each.name) for method in generated for each in sources):
        _ = models.diffusion


def load_backbones(place: Path | None) -> list[Lpips]:
    """Load the networks of LPIPS that are there."""
    backbones = find_backbones(place)
    if not backbones:
        log.info("LPIPS %s (squeezenet1_1*.pth in models/, or --lpips PATH)", MISSING)
    return [load_lpips(name, path) for name, path in backbones.items()]


def score(
    folder: RunFolder,
    scenes: list[dict[str, str]],
    networks: list[Lpips],
    of_pairs: Sequence[PairMetric],
) -> int:
    """Score right views; returns how many parts failed."""
    if not of_pairs:
        log.info("MEt3R, iSQoE: %s (--pair_metric NAME=PATH)", NOT_INSTALLED)
    methods = folder.methods_on_disk()
    todo = _progress(scenes, "score")
    return sum(score_scene(folder, methods, scene["name"], networks, of_pairs) for scene in todo)


def draw(folder: RunFolder, scenes: list[dict[str, str]]) -> None:
    """Draw the contact sheets that are missing or older than their views."""
    results = [result for result in read_results(folder, scenes) if not result.has_failed]
    for result in _progress(results, "draw", unit="sheet"):
        try:
            write_sheet(folder, result.method, result.scene)
        except (ValueError, OSError) as error:
            log.warning("no sheet of %s, %s: %s", result.scene, result.method, one_line(error))


def report(folder: RunFolder) -> int:
    """Write tables, and the Markdown table's path to stdout; returns how many views failed."""
    results = write_report(folder)
    failed = sum(result.has_failed for result in results)
    scored = sum(result.status == SCORED for result in results)
    log.info("%d of %d views scored, %d failed", scored, len(results), failed)
    sys.stdout.write(f"{folder.root / TABLE}\n")
    return failed


def _progress(items: list, verb: str, *, unit: str = "scene") -> Iterator:
    return iter(tqdm(items, desc=verb, unit=unit, file=sys.stderr, disable=None))
