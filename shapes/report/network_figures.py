"""Figures of the autoencoder and the depth network on held-out scenes and real pictures."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from shapes.report.bench import Bench
from shapes.report.line import Line, percent
from shapes.report.measures import (
    autoencoder_psnr,
    disparity_rank_correlation,
    edge_precision,
    partial_rank_correlation,
    rank_correlation,
)
from shapes.world.scenes import Views, render_views
from shapes.world.seeds import HELD_OUT_FIRST_SEED
from stereo.depth.disparity import predict_disparity
from stereo.evaluation.datasets.manifest import list_manifest

if TYPE_CHECKING:
    from dpt.models import DPTDepthModel

BENCHMARK = "Middlebury"
# What the network shipped before reached on the 13 Middlebury pairs, by these measures.
FORMER_DATE = "2026-11-27"
FORMER = {"mean": "0.735", "above": "4 of 13", "partial": "0.062", "edges": "49.7 %"}


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
    """Measure predicted against true disparity, on held-out Shapes and on real pairs."""
    views = held_out_views(bench)
    images, disparities = views.left, views.disparity_left_px
    value = disparity_rank_correlation(bench.depth_model, images, disparities)
    chance = disparity_rank_correlation(bench.depth_model, images, disparities.roll(1, 0))
    note = f"{chance:.3f} with another scene's disparity"
    lines = [Line("DPT rank correlation, held-out Shapes", value, 0.97, "", len(images), note)]
    name = "DPT rank correlation, Middlebury pairs"
    if bench.settings.pairs is None:
        return [*lines, Line(name, None, 0.85, "", 0, "skipped: no list of real pairs")]
    found = real_scenes(bench.depth_model, bench.settings.pairs)
    ours = [scene for scene in found if scene.group.startswith(BENCHMARK)]
    if not ours:
        return [*lines, Line(name, None, 0.85, "", 0, "skipped: the list has none")]
    others = [scene.correlation for scene in found if not scene.group.startswith(BENCHMARK)]
    return [*lines, *real_lines(name, ours, others)]


def real_lines(name: str, ours: list["RealScene"], others: list[float]) -> list[Line]:
    """Return the lines of real scenes; `others` are correlations in other data sets."""
    correlations = [scene.correlation for scene in ours]
    ramp, precision, ramp_edges = (
        float(np.nanmean([getattr(scene, part) for scene in ours]))
        for part in ("ramp", "edge_precision", "any_edge")
    )
    note = f"lowest {min(correlations):.3f}; the row number alone {ramp:.3f}, a constant 0"
    if others:
        note += f"; the {len(others)} others {np.mean(others):.3f}"
    above = percent([scene.correlation > scene.ramp for scene in ours])
    partial = float(np.mean([scene.partial for scene in ours]))
    count = len(ours)
    former = {key: f"the network of {FORMER_DATE} {value}" for key, value in FORMER.items()}
    return [
        Line(name, float(np.mean(correlations)), 0.85, "", count, f"{note}; {former['mean']}"),
        Line(f"{name}, above the row number", above, 11 / 13, "%", count, former["above"]),
        Line(f"{name}, given the row", partial, 0.6, "", count, f"{former['partial']}; ramp 0"),
        Line(
            "DPT depth edges that are true ones, Middlebury pairs",
            precision,
            0.5,
            "%",
            count,
            f"{ramp_edges:.1%} of all pixels lie at one; {former['edges']}",
        ),
    ]


def held_out_views(bench: Bench) -> Views:
    """Return held-out scenes at 256x256."""
    return render_views(range(HELD_OUT_FIRST_SEED, HELD_OUT_FIRST_SEED + bench.settings.count))


def read_photo(path: Path, *, size_px: int = 256) -> Tensor:
    """Return a photograph, cropped to a centred square and resized, (1, 3, S, S) in [0, 1]."""
    with Image.open(path) as photo:
        colours = photo.convert("RGB")
    square = ImageOps.fit(colours, (size_px, size_px), Image.Resampling.LANCZOS)
    return torch.from_numpy(np.asarray(square).copy()).permute(2, 0, 1)[None] / 255


@dataclass(frozen=True)
class RealScene:
    """A real scene's data set, and how a prediction does there.

    Attributes:
        group: the data set.
        correlation: rank correlation with the truth.
        ramp: that of the row number.
        partial: the correlation given the row number.
        edge_precision: share of the predicted depth edges that are true; nan without any.
        any_edge: what that would be if edges were predicted everywhere.
    """

    group: str
    correlation: float
    ramp: float
    partial: float
    edge_precision: float
    any_edge: float


def real_scenes(depth_model: "DPTDepthModel", manifest: Path) -> list[RealScene]:
    """Measure the real scenes with known disparity that a list names."""
    found = []
    for source in list_manifest(manifest):
        scene = source.load()
        if scene.disparity is not None:
            predicted = predict_disparity(depth_model, scene.left)
            found.append(compare(source.group, predicted, scene.disparity))
    return found


def compare(group: str, predicted: np.ndarray, true: np.ndarray) -> RealScene:
    """Hold a predicted against a true disparity (H, W), finite where it is known."""
    known = np.isfinite(true)
    known[1::2], known[:, 1::2] = False, False  # every second pixel both ways is enough
    rows = np.broadcast_to(np.arange(len(true))[:, None], true.shape)[known]
    ours, truth = predicted[known], true[known]
    noise = np.random.default_rng(0).random(true.shape)  # has edges everywhere
    return RealScene(
        group,
        rank_correlation(ours, truth),
        rank_correlation(rows, truth),
        partial_rank_correlation(ours, truth, rows),
        edge_precision(predicted, true),
        edge_precision(noise, true),
    )
