"""Figures of the autoencoder and the depth network on held-out scenes and real pictures."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from shapes.report.bench import Bench
from shapes.report.line import Line
from shapes.training.report import (
    autoencoder_psnr,
    disparity_rank_correlation,
    held_out_views,
    rank_correlation,
    read_photos,
)
from stereo.depth.disparity import predict_disparity
from stereo.evaluation.datasets.manifest import list_manifest

if TYPE_CHECKING:
    from dpt.models import DPTDepthModel

BENCHMARK = "Middlebury"


def measure_autoencoder(bench: Bench) -> list[Line]:
    """Measure the PSNR of reconstructions at 256x256."""
    network = bench.model.first_stage_model.float()
    images, _ = held_out_views(bench.settings.count)
    value = autoencoder_psnr(network, images)
    lines = [Line("autoencoder PSNR, held-out Shapes", value, 30, "dB", len(images))]
    name, photos = "autoencoder PSNR, photographs", bench.settings.photos
    if not photos:
        return [*lines, Line(name, None, 26, "dB", 0, "skipped: no folder of photographs")]
    each = {path.stem: autoencoder_psnr(network, read_photos([path])) for path in photos}
    note = ", ".join(f"{stem} {psnr:.1f}" for stem, psnr in each.items())
    return [*lines, Line(name, float(np.mean(list(each.values()))), 26, "dB", len(each), note)]


def measure_depth_network(bench: Bench) -> list[Line]:
    """Measure the rank correlation of predicted with true disparity."""
    images, disparities = held_out_views(bench.settings.count)
    value = disparity_rank_correlation(bench.depth_model, images, disparities)
    chance = disparity_rank_correlation(bench.depth_model, images, disparities.roll(1, 0))
    note = f"{chance:.3f} with another scene's disparity"
    lines = [Line("DPT rank correlation, held-out Shapes", value, 0.97, "", len(images), note)]
    name = "DPT rank correlation, Middlebury pairs"
    if bench.settings.pairs is None:
        return [*lines, Line(name, None, 0.6, "", 0, "skipped: no list of real pairs")]
    found = real_scenes(bench.depth_model, bench.settings.pairs)
    ours = [value for group, value in found if group.startswith(BENCHMARK)]
    others = [value for group, value in found if not group.startswith(BENCHMARK)]
    value = float(np.mean(ours)) if ours else None
    note = f"lowest {min(ours):.3f}" if ours else "skipped: the list has none"
    if others:
        note += f"; the {len(others)} others {np.mean(others):.3f}"
    return [*lines, Line(name, value, 0.6, "", len(ours), note)]


def real_scenes(depth_model: "DPTDepthModel", manifest: Path) -> list[tuple[str, float]]:
    """Return each real scene's data set, and the rank correlation where disparity is known."""
    found = []
    for source in list_manifest(manifest):
        scene = source.load()
        if scene.disparity is None:
            continue
        predicted = predict_disparity(depth_model, scene.left)
        known = np.isfinite(scene.disparity)
        known[1::2], known[:, 1::2] = False, False  # every second pixel both ways is enough
        found.append((source.group, rank_correlation(predicted[known], scene.disparity[known])))
    return found
