"""Write scenes of the procedural world as stereo pairs in the layout of Middlebury 2014."""

import io
import logging
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ldm.files import remove_stale, write_bytes
from shapes.world.scenes import StereoScenes, render_scenes
from shapes.world.seeds import HELD_OUT_FIRST_SEED, check_request
from stereo.cli.command import OneLineParser, start_logging
from stereo.cli.types import check_writable, whole_number

log = logging.getLogger(__name__)

NAME = "python -m shapes.world"
MM_PER_UNIT = 1000
OCCLUDED_GREY = 128


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit code.

    Raises:
        ValueError: a seed or a size out of range, or no such device.
        OSError: the folder cannot be written.
    """
    parser = OneLineParser(__doc__)
    parser.prog = NAME
    add = parser.add_argument
    add("--count", type=whole_number, default=24, help="number of scenes")
    add("--out", type=Path, required=True, help="folder to write to")
    add("--size", type=int, default=256, help="width and height in pixels")
    add("--first-seed", type=int, default=HELD_OUT_FIRST_SEED, help="held out from training on")
    add("--device", default="cpu", choices=("cpu", "cuda"))
    options = parser.parse_args(arguments)
    if options.device == "cuda" and not torch.cuda.is_available():
        raise ValueError("--device: this machine has no CUDA device; use cpu")
    start_logging(verbose=False)
    seeds = range(options.first_seed, options.first_seed + options.count)
    check_request((seeds[0], seeds[-1]), options.size)
    check_writable(options.out, "out")
    for number, seed in enumerate(seeds, 1):
        scenes = render_scenes([seed], size_px=options.size, device=options.device)
        write_scene(options.out / f"shapes{seed:010d}-perfect", scenes)
        log.info("%d of %d: %s", number, options.count, scenes.captions[0])
    return 0


def write_scene(folder: Path, scenes: StereoScenes) -> None:
    """Write the files of the first scene into `folder`, which is made."""
    folder.mkdir(parents=True, exist_ok=True)
    remove_stale(folder)
    mask = scenes.visible_left[0].cpu().numpy()
    files = {
        "im0.png": encode_png(to_bytes(scenes.left[0])),
        "im1.png": encode_png(to_bytes(scenes.right[0])),
        "disp0.pfm": encode_pfm(scenes.disparity_left_px[0].cpu().numpy()),
        "disp1.pfm": encode_pfm(scenes.disparity_right_px[0].cpu().numpy()),
        "mask0nocc.png": encode_png(np.where(mask, 255, OCCLUDED_GREY).astype(np.uint8)),
        "calib.txt": calibration(scenes).encode(),
        "caption.txt": f"{scenes.captions[0]}\n".encode(),
    }
    for name, data in files.items():
        write_bytes(folder / name, data)


def calibration(scenes: StereoScenes) -> str:
    """Return calib.txt of the first scene: depth_mm = baseline * focal / (disparity + doffs)."""
    size_px, focal = scenes.left.shape[-1], float(scenes.focal_px[0])
    centre = (size_px - 1) / 2
    camera = f"[{focal:.6f} 0 {centre}; 0 {focal:.6f} {centre}; 0 0 1]"
    lowest, highest = (float(value) for value in scenes.disparity_left_px[0].aminmax())
    lines = {
        "cam0": camera,
        "cam1": camera,
        "doffs": 0,
        "baseline": f"{float(scenes.baseline[0]) * MM_PER_UNIT:.6f}",
        "width": size_px,
        "height": size_px,
        "ndisp": math.ceil(highest) + 1,
        "isint": 0,
        "vmin": math.floor(lowest),
        "vmax": math.ceil(highest),
        "dyavg": 0,
        "dymax": 0,
    }
    return "".join(f"{key}={value}\n" for key, value in lines.items())


def to_bytes(image: Tensor) -> np.ndarray:
    """Return a (3, H, W) image in [0, 1] as (H, W, 3) uint8."""
    return (image * 255).round().byte().permute(1, 2, 0).cpu().numpy()


def encode_png(pixels: np.ndarray) -> bytes:
    """Return an array of bytes, (H, W) or (H, W, 3), as PNG."""
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, format="PNG")
    return stream.getvalue()


def encode_pfm(values: np.ndarray) -> bytes:
    """Return (H, W) float32 as little-endian PFM, whose rows run from the bottom up."""
    height, width = values.shape
    return f"Pf\n{width} {height}\n-1\n".encode() + values[::-1].astype("<f4").tobytes()
