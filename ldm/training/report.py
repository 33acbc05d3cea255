"""Figures of the trained parts on scenes and photographs that they have not seen."""

import argparse
import json
import logging
import math
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from dpt.models import DPTDepthModel, load_depth_model
from ldm.checkpoint import load_model
from ldm.models.autoencoder import AutoencoderKL

logger = logging.getLogger(__name__)

RENDER_BATCH = 8


@torch.no_grad()
def autoencoder_psnr(model: AutoencoderKL, images: Tensor) -> float:
    """Return the mean PSNR in dB of the reconstructions of images (B, 3, H, W) in [0, 1]."""
    found = []
    for image in images.split(1):
        decoded = model.decode(model.encode(2 * image - 1).mode()) / 2 + 0.5
        error = (decoded.clamp(0, 1) - image).square().mean().item()
        found.append(10 * math.log10(1 / max(error, 1e-10)))
    return float(np.mean(found))


@torch.no_grad()
def disparity_rank_correlation(
    depth_model: DPTDepthModel, images: Tensor, disparities: Tensor
) -> float:
    """Return the mean rank correlation of predicted and true disparity.

    Args:
        depth_model: the network.
        images: (B, 3, H, W) in [0, 1], of the network's size.
        disparities: (B, H, W), near = large; pixels that are not finite are left out.
    """
    found = []
    for image, true in zip(images, disparities, strict=True):
        predicted = depth_model(2 * image[None] - 1)[0]
        known = true.isfinite()
        found.append(rank_correlation(predicted[known].numpy(), true[known].numpy()))
    return float(np.mean(found))


def rank_correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Return Spearman's correlation of two vectors, ties at their mean rank."""
    return float(np.corrcoef(_ranks(a), _ranks(b))[0, 1])


def _ranks(values: np.ndarray) -> np.ndarray:
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return (last - (counts - 1) / 2)[inverse]


def held_out_views(count: int, *, size_px: int = 256) -> tuple[Tensor, Tensor]:
    """Return images (B, 3, S, S) in [0, 1] and disparities (B, S, S) of held-out scenes."""
    from ldm.data.shapes import HELD_OUT_FIRST_SEED, render_views

    images, disparities = [], []
    for start in range(0, count, RENDER_BATCH):
        seeds = range(start, min(start + RENDER_BATCH, count))
        views = render_views([HELD_OUT_FIRST_SEED + s for s in seeds], size_px=size_px)
        images.append(views.left)
        disparities.append(views.disparity_left_px)
    return torch.cat(images), torch.cat(disparities)


def read_photos(paths: Sequence[Path], *, size_px: int = 256) -> Tensor:
    """Return photographs, cropped to a centred square and resized, (B, 3, S, S) in [0, 1]."""
    from PIL import Image, ImageOps

    photos = []
    for path in paths:
        with Image.open(path) as photo:
            colours = photo.convert("RGB")
        square = ImageOps.fit(colours, (size_px, size_px), Image.Resampling.LANCZOS)
        photos.append(torch.from_numpy(np.asarray(square).copy()).permute(2, 0, 1) / 255)
    return torch.stack(photos)


def read_scene(left: Path, disparity: Path, *, size_px: int = 256) -> tuple[Tensor, Tensor]:
    """Return image (1, 3, S, S) and disparity (1, S, S) of a real scene, squeezed to a square.

    Unknown disparity is zero or not finite in the file (PNG, PFM, NPY) and NaN in what is returned.

    Raises:
        ValueError: a file cannot be read as an image.
    """
    import cv2

    colours = cv2.imread(str(left), cv2.IMREAD_COLOR)
    array = disparity.suffix == ".npy"
    values = np.load(disparity) if array else cv2.imread(str(disparity), cv2.IMREAD_UNCHANGED)
    if colours is None or values is None:
        raise ValueError(f"{left}, {disparity}: expected an image and a disparity map")
    values = values.astype(np.float32)
    values[~np.isfinite(values) | (values <= 0)] = np.nan
    # Nearest, as disparity must not be mixed across an edge or with what is unknown.
    values = cv2.resize(values, (size_px, size_px), interpolation=cv2.INTER_NEAREST)
    colours = cv2.resize(colours, (size_px, size_px), interpolation=cv2.INTER_AREA)[..., ::-1]
    image = torch.from_numpy(colours.copy()).permute(2, 0, 1)[None] / 255
    return image, torch.from_numpy(values)[None]


def main() -> int:
    """Log the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=Path("models/shapes.safetensors"))
    parser.add_argument(
        "--depth-model", type=Path, default=Path("midas_models/shapes-dpt.safetensors")
    )
    parser.add_argument("--count", type=int, default=64, help="held-out scenes")
    parser.add_argument("--photos", type=Path, nargs="*", default=[], help="photographs")
    parser.add_argument("--manifest", type=Path, help="JSON list of real scenes with disparity")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        _report(arguments)
    except (ValueError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


def _report(arguments: argparse.Namespace) -> None:
    images, disparities = held_out_views(arguments.count)
    autoencoder = load_model(arguments.model).first_stage_model
    logger.info("autoencoder PSNR, Shapes: %.2f dB", autoencoder_psnr(autoencoder, images))
    for path in arguments.photos:
        value = autoencoder_psnr(autoencoder, read_photos([path]))
        logger.info("autoencoder PSNR, %s: %.2f dB", path.name, value)
    network = load_depth_model(arguments.depth_model)
    value = disparity_rank_correlation(network, images, disparities)
    logger.info("DPT rank correlation, Shapes: %.4f", value)
    if arguments.manifest is not None:
        _report_scenes(network, arguments.manifest)


def _report_scenes(network: DPTDepthModel, manifest: Path) -> None:
    found: dict[str, list[float]] = {}
    for entry in json.loads(manifest.read_text()):
        folder = manifest.parent
        scene = read_scene(folder / entry["left"], folder / entry["disparity"])
        value = disparity_rank_correlation(network, *scene)
        logger.info("DPT rank correlation, %s: %.3f", entry["name"], value)
        found.setdefault(entry["family"], []).append(value)
    for family, values in found.items():
        logger.info("DPT rank correlation, %s: %.3f", family, float(np.mean(values)))


if __name__ == "__main__":
    sys.exit(main())
