"""What fitting predicted maps to the picture's edges brings, on scenes with a known truth.

Usage: python -m stereo.evaluation.refinement --data MANIFEST [--lpips FOLDER] [--into FILE]
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
import torch

from stereo.cli.command import OneLineParser, run, start_logging
from stereo.cli.markdown import markdown_table, replace_section
from stereo.depth.disparity import DepthModel, predict_disparity
from stereo.depth.loading import find_depth_checkpoint, load_depth_model, place_name
from stereo.depth.maps import fill_rows
from stereo.depth.parallax import widen_edges
from stereo.depth.refine import refine
from stereo.evaluation.commit import git_commit
from stereo.evaluation.datasets.manifest import list_manifest
from stereo.evaluation.datasets.scene import Scene
from stereo.evaluation.lpips import Lpips, find_backbones, load_lpips
from stereo.evaluation.metrics import psnr
from stereo.options import preset
from stereo.pixels.holes import stretch_background
from stereo.pixels.warp import warp_right

# An edge of one map is that of another one where it is no further away.
NEAR_PX = 2
# Canny's thresholds on maps of 256 levels.
EDGE_LEVELS = (20, 60)
SMALL_PX, BLUR_PX = 384, 2.0
HEAD = ["map", "refined", "true edges found %", "edges that are true %", "PSNR"]
Key = tuple[str, bool]


def maps_of(scene: Scene, depth_model: DepthModel) -> Iterator[tuple[str, np.ndarray]]:
    """Yield maps (H, W) in pixels: the network's, fitted to the truth, and the truth made soft."""
    known, true = np.isfinite(scene.disparity), fill_rows(scene.disparity)
    found = predict_disparity(depth_model, scene.left)
    scale, shift = np.polyfit(found[known], true[known], 1)
    yield "predicted", (found * scale + shift).astype(np.float32)
    height, width = true.shape
    share = SMALL_PX / max(height, width)
    small_px = (round(width * share), round(height * share))
    soft = cv2.GaussianBlur(true, (0, 0), BLUR_PX)
    small = cv2.resize(soft, small_px, interpolation=cv2.INTER_AREA)
    soft = cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)
    yield f"truth, blurred and shrunk to {SMALL_PX} px", soft


def edges(disparity: np.ndarray, like: np.ndarray) -> np.ndarray:
    """Return the edges (H, W) bool of a map, its levels those of another one's range."""
    levels = np.clip((disparity - like.min()) / np.ptp(like) * 255, 0, 255)
    return cv2.Canny(levels.astype(np.uint8), *EDGE_LEVELS) > 0


def share_near(some: np.ndarray, others: np.ndarray) -> float:
    """Return which share of some edges lies within `NEAR_PX` of other ones, NaN without any."""
    if not some.any():
        return float("nan")
    distance_px = cv2.distanceTransform((~others).astype(np.uint8), cv2.DIST_L2, 5)
    return float((distance_px[some] <= NEAR_PX).mean())


def measure(
    scene: Scene, disparity_px: np.ndarray, lpips: Lpips | None, widened_percent: float
) -> list[float]:
    """Return the shares of true edges found and of edges that are true, PSNR and LPIPS.

    The right view is warped as by `best`, by the map with widened edges.
    """
    true = fill_rows(scene.disparity)
    found, wanted = edges(disparity_px, true), edges(true, true)
    wide = widen_edges(torch.from_numpy(disparity_px)[None], widened_percent)[0].numpy()
    right = stretch_background(*warp_right(scene.left, wide))
    figures = [100 * share_near(wanted, found), 100 * share_near(found, wanted)]
    figures.append(psnr(right, scene.right))
    return figures + (lpips.distances(right, scene.right, [None]) if lpips else [])


def figures_of(
    scenes: Sequence[Scene],
    depth_model: DepthModel,
    lpips: Lpips | None,
    widened_percent: float,
) -> dict[Key, list[float]]:
    """Return the means over scenes for every map, as it is and refined."""
    found: dict[Key, list[list[float]]] = {}
    for scene in scenes:
        for name, soft in maps_of(scene, depth_model):
            for refined in (False, True):
                fitted = refine(soft, scene.left) if refined else soft
                found.setdefault((name, refined), []).append(
                    measure(scene, fitted, lpips, widened_percent)
                )
    return {key: list(np.nanmean(rows, axis=0)) for key, rows in found.items()}


def report(figures: dict[Key, list[float]], origin: str) -> str:
    """Return the figures as Markdown, below a line of what made them."""
    digits = (1, 1, 2, 4)
    rows = [
        [name, "yes" if refined else "no"]
        + [f"{value:.{places}f}" for value, places in zip(values, digits, strict=False)]
        for (name, refined), values in figures.items()
    ]
    head = HEAD + ["LPIPS-S"] * (len(rows[0]) - len(HEAD))
    return f"{origin}\n\n{markdown_table(head, rows, text_columns=2)}\n"


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = OneLineParser(__doc__)
    path = {"type": Path, "metavar": "PATH"}
    parser.add_argument("--data", **path, required=True, help="manifest of scenes with a truth")
    parser.add_argument("--group", default="Middlebury", help="only data sets of this name")
    parser.add_argument("--depthmodel_path", **path, help="depth network (default: as scripts)")
    parser.add_argument("--lpips", **path, help="folder of SqueezeNet 1.1's weights")
    parser.add_argument(
        "--edge_dilation",
        type=float,
        default=preset("best").edge_dilation_percent,
        metavar="PERCENT",
        help="of the width by which edges are widened before the warp",
    )
    parser.add_argument("--into", **path, help="put the table between its markers in this file")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, and print the table."""
    args = parse(arguments)
    start_logging(False)
    sources = [source for source in list_manifest(args.data) if args.group in source.group]
    scenes = [scene for scene in (source.load() for source in sources) if scene.right is not None]
    if not scenes:
        raise ValueError(f"group: no scene of {args.group!r} in {args.data}")
    backbones = find_backbones(args.lpips)
    lpips = load_lpips("squeeze", backbones["squeeze"]) if "squeeze" in backbones else None
    place = find_depth_checkpoint(args.depthmodel_path)
    depth_model = load_depth_model(place, device="cpu")
    origin = (
        f"{len(scenes)} {args.group} pairs at their own size, {place_name(place)}, "
        f"commit {git_commit()}; warp, edges widened by {args.edge_dilation:g} %, and stretched "
        "background."
    )
    text = report(figures_of(scenes, depth_model, lpips, args.edge_dilation), origin)
    sys.stdout.write(text)
    if args.into:
        name = f"refinement-{args.edge_dilation:g}"
        replace_section(args.into, f"<!-- run: {name} -->\n", f"<!-- end: {name} -->", text)
    return 0


if __name__ == "__main__":
    sys.exit(run(main))
