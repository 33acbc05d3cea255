"""Disparity (near = large): predicted by a DPT network, checked, normalised."""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from dpt.models import DPTDepthModel
from dpt.transforms import network_input, network_resize
from stereo.images import read_image, to_rgb

PREPROCESSINGS = ("dpt", "published")
ASPECT_TOLERANCE = 0.01


@torch.no_grad()
def predict_disparity(
    depth_model: DPTDepthModel,
    image: np.ndarray | Image.Image | str | Path,
    *,
    preprocessing: str = "dpt",
) -> np.ndarray:
    """Predict relative disparity (H, W) float32, in the network's units, of an image.

    It may be (H, W, 3) uint8 RGB, or a picture of any mode, or such a file: grey, with
    transparency, of 16 bits, turned by EXIF.

    `preprocessing` "dpt" resizes and normalises as the network was trained; "published" feeds
    [0, 1] at the image's own size, as StereoDiffusion's text-to-stereo flow does.
    """
    _check_preprocessing(preprocessing)
    if isinstance(image, str | Path):
        image = read_image(image)
    elif isinstance(image, Image.Image):
        image = to_rgb(image)
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise ValueError(f"image is {image.shape} {image.dtype}; expected (H, W, 3) uint8")
    if preprocessing == "dpt":
        x = network_input(image, net_size_px=depth_model.net_size_px)
    else:
        x = torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255  # (1, 3, H, W)
    return _run(depth_model, x, size=image.shape[:2])[0].cpu().numpy()


@torch.no_grad()
def disparity_of_tensor(
    depth_model: DPTDepthModel, images: Tensor, *, preprocessing: str = "dpt"
) -> Tensor:
    """Predict relative disparity (B, H, W) float32 of images (B, 3, H, W) in [-1, 1]."""
    _check_preprocessing(preprocessing)
    height, width = images.shape[-2:]
    x = images.float()
    if preprocessing == "published":
        return _run(depth_model, (x + 1) / 2, size=(height, width))
    resize = network_resize(width, height, net_size_px=depth_model.net_size_px)
    net_width, net_height = resize.get_size(width, height)
    if (net_width, net_height) != (width, height):
        x = F.interpolate(x, (net_height, net_width), mode="bicubic", align_corners=False)
    return _run(depth_model, x, size=(height, width))


def _check_preprocessing(preprocessing: str) -> None:
    if preprocessing not in PREPROCESSINGS:
        raise ValueError(
            f"preprocessing {preprocessing!r} is unknown; expected {' or '.join(PREPROCESSINGS)}"
        )


def _run(depth_model: DPTDepthModel, x: Tensor, *, size: tuple[int, int]) -> Tensor:
    """Run the network on its own device and precision; returns (B, *size) float32."""
    weight = next(depth_model.parameters())
    disparity = depth_model(x.to(weight.device, weight.dtype)).float()[:, None]
    if disparity.shape[-2:] != size:
        shrinks = size[0] < disparity.shape[-2] or size[1] < disparity.shape[-1]
        low, high = disparity.amin((1, 2, 3), True), disparity.amax((1, 2, 3), True)
        disparity = F.interpolate(
            disparity, size, mode="bicubic", align_corners=False, antialias=shrinks
        ).clamp(low, high)  # cubic overshoot would invent planes nearer than the nearest
    return disparity[:, 0]


def check_disparity(
    disparity: np.ndarray, *, name: str = "disparity", may_be_flat: bool = False
) -> None:
    """Raise ValueError unless the map has pixels, is finite and, unless it may be, not constant."""
    if disparity.size == 0:
        raise ValueError(f"{name} has no pixels (shape {disparity.shape})")
    bad = int((~np.isfinite(disparity)).sum())
    if bad:
        raise ValueError(f"{name} has {bad} values that are NaN or infinite; expected finite ones")
    if not may_be_flat and disparity.min() == disparity.max():
        raise ValueError(f"{name} is constant ({disparity.flat[0]:g}): there is no depth in it")


def check_proportions(
    disparity: np.ndarray, size_px: tuple[int, int], *, name: str = "disparity"
) -> None:
    """Raise ValueError unless a map (H, W) has the proportions of `size_px` (width, height)."""
    height, width = disparity.shape
    stretch = (size_px[0] / width) / (size_px[1] / height)
    if abs(stretch - 1) > ASPECT_TOLERANCE:
        raise ValueError(
            f"{name} is {width}x{height} px, the image {size_px[0]}x{size_px[1]}; "
            "expected the same size or proportions"
        )


def normalise_disparity(disparity: np.ndarray | Tensor) -> np.ndarray | Tensor:
    """Scale every map of (..., H, W) to [0, 1] by its own range; the type is kept.

    Raises: ValueError when a map is empty, constant or not finite.
    """
    if isinstance(disparity, np.ndarray):
        values = torch.from_numpy(np.ascontiguousarray(disparity, dtype=np.float32))
        return normalise_disparity(values).numpy()
    maps = disparity.detach().reshape(-1, *disparity.shape[-2:])
    for values in maps.float().cpu().numpy():
        check_disparity(values)
    low = disparity.amin((-2, -1), keepdim=True)
    high = disparity.amax((-2, -1), keepdim=True)
    return (disparity - low) / (high - low)
