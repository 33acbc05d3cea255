"""Write scenes of the world as stereo pairs in the layout of the Middlebury 2014 benchmark."""

import argparse
import io
import logging
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ldm.files import write_bytes
from shapes.world.shapes import HELD_OUT_FIRST_SEED, StereoScenes, check_request, render_scenes

LOG = logging.getLogger(__name__)
MM_PER_UNIT = 1000
OCCLUDED_GREY = 128


def encode_png(pixels: np.ndarray) -> bytes:
    """Return an array of bytes, (H, W) or (H, W, 3), as PNG."""
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, format="PNG")
    return stream.getvalue()


def encode_pfm(values: np.ndarray) -> bytes:
    """Return (H, W) float32 as little-endian PFM, whose rows run from the bottom up."""
    height, width = values.shape
    return f"Pf\n{width} {height}\n-1\n".encode() + values[::-1].astype("<f4").tobytes()


def to_bytes(image: Tensor) -> np.ndarray:
    """Return a (3, H, W) image in [0, 1] as (H, W, 3) uint8."""
    return (image * 255).round().byte().permute(1, 2, 0).cpu().numpy()


def calibration(scenes: StereoScenes, index: int) -> str:
    """Return calib.txt of one scene: depth_mm = baseline * focal / (disparity + doffs)."""
    size_px = scenes.left.shape[-1]
    focal, centre = float(scenes.focal_px[index]), (size_px - 1) / 2
    camera = f"[{focal:.6f} 0 {centre}; 0 {focal:.6f} {centre}; 0 0 1]"
    disparity = scenes.disparity_left_px[index]
    lowest, highest = float(disparity.min()), float(disparity.max())
    lines = (
        f"cam0={camera}",
        f"cam1={camera}",
        "doffs=0",
        f"baseline={float(scenes.baseline[index]) * MM_PER_UNIT:.6f}",
        f"width={size_px}",
        f"height={size_px}",
        f"ndisp={math.ceil(highest) + 1}",
        "isint=0",
        f"vmin={math.floor(lowest)}",
        f"vmax={math.ceil(highest)}",
        "dyavg=0",
        "dymax=0",
    )
    return "\n".join(lines) + "\n"


def write_scene(folder: Path, scenes: StereoScenes, index: int) -> None:
    """Write the files of one scene into `folder`, which is made."""
    folder.mkdir(parents=True, exist_ok=True)
    mask = scenes.visible_left[index].cpu().numpy()
    files = {
        "im0.png": encode_png(to_bytes(scenes.left[index])),
        "im1.png": encode_png(to_bytes(scenes.right[index])),
        "disp0.pfm": encode_pfm(scenes.disparity_left_px[index].cpu().numpy()),
        "disp1.pfm": encode_pfm(scenes.disparity_right_px[index].cpu().numpy()),
        "mask0nocc.png": encode_png(np.where(mask, 255, OCCLUDED_GREY).astype(np.uint8)),
        "calib.txt": calibration(scenes, index).encode(),
        "caption.txt": f"{scenes.captions[index]}\n".encode(),
    }
    for name, data in files.items():
        write_bytes(folder / name, data)


def export(out: Path, *, count: int, first_seed: int, size_px: int, device: str = "cpu") -> None:
    """Write `count` scenes from `first_seed` on as `out`/shapes<seed>-perfect/.

    Raises:
        ValueError: for a count, a seed or a size out of range.
        OSError: where `out` cannot be written.
    """
    if count < 1:
        raise ValueError(f"count is {count}, expected at least 1")
    seeds = range(first_seed, first_seed + count)
    check_request((seeds[0], seeds[-1]), size_px)
    for done, seed in enumerate(seeds, 1):
        scenes = render_scenes([seed], size_px=size_px, device=device)
        write_scene(out / f"shapes{seed:010d}-perfect", scenes, 0)
        LOG.info("%d of %d: %s", done, count, scenes.captions[0])


class OneLineParser(argparse.ArgumentParser):
    """Parser that reports a bad argument in one line."""

    def error(self, message: str) -> NoReturn:
        """Exit with code 2."""
        self.exit(2, f"{self.prog}: {message}\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit code."""
    parser = OneLineParser(prog="python -m shapes.world.shapes", description=__doc__)
    parser.add_argument("--count", type=int, default=24, help="number of scenes")
    parser.add_argument("--out", type=Path, required=True, help="folder to write to")
    parser.add_argument("--size", type=int, default=256, help="width and height in pixels")
    parser.add_argument(
        "--first-seed", type=int, default=HELD_OUT_FIRST_SEED, help="held out from training on"
    )
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    options = parser.parse_args(arguments)
    if options.device == "cuda" and not torch.cuda.is_available():
        parser.error("argument --device: this machine has no CUDA device; use cpu")
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        export(
            options.out,
            count=options.count,
            first_seed=options.first_seed,
            size_px=options.size,
            device=options.device,
        )
    except (ValueError, OSError) as problem:
        LOG.error("%s: %s", parser.prog, problem)
        return 2
    except KeyboardInterrupt:
        return 130
    return 0
