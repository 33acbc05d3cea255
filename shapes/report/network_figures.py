"""Figures of the autoencoder and the depth network on held-out scenes and real pictures."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from shapes.report.bench import Bench
from shapes.report.line import Line
from shapes.report.measures import (
    autoencoder_psnr,
    disparity_rank_correlation,
    rank_correlation,
)
from shapes.world.scenes import Views, render_views
from shapes.world.seeds import HELD_OUT_FIRST_SEED
from stereo.depth.disparity import predict_disparity
from stereo.evaluation.datasets.manifest import list_manifest

if TYPE_CHECKING:
    from dpt.models import DPTDepthModel

BENCHMARK = "Middlebury"


def measure_autoencoder(bench: Bench) -> list[Line]:
    """Measure the PSNR of reconstructions at 256x256."""
    network = bench.model.first_stage_model.float()
    images = held_out_views(bench).left
    value = autoencoder_psnr(network, images)
    lines = [Line("autoencoder PSNR, held-out Shapes", value, 30, "dB", len(images))]
    name, photos = "autoencoder PSNR, photographs", bench.settings.photos
    if not photos:
        return [*lines, Line(name, None, 26, "dB", 0, "skipped: no folder of photographs")]
    each = {path.stem: autoencoder_psnr(network, read_photo(path)) for path in photos}
    note = ", ".join(f"{stem} {psnr:.1f}" for stem, psnr in each.items())
    return [*lines, Line(name, float(np.mean(list(each.values()))), 26, "dB", len(each), note)]


def measure_depth_network(bench: Bench) -> list[Line]:
    """Measure the rank correlation of predicted with true disparity."""
    views = held_out_views(bench)
    images, disparities = views.left, views.disparity_left_px
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


def held_out_views(bench: Bench) -> Views:
    """Return held-out scenes at 256x256."""
    return render_views(range(HELD_OUT_FIRST_SEED, HELD_OUT_FIRST_SEED + bench.settings.count))


def read_photo(path: Path, *, size_px: int = 256) -> Tensor:
    """Return a photograph, cropped to a centred square and resized, (1, 3, S, S) in [0, 1]."""
    with Image.open(path) as photo:
        colours = photo.convert("RGB")
    square = ImageOps.fit(colours, (size_px, size_px), Image.Resampling.LANCZOS)
    return torch.from_numpy(np.asarray(square).copy()).permute(2, 0, 1)[None] / 255


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
