"""Disparity (near = large): predicted by a depth network, checked, normalised."""

from collections.abc import Callable, Sequence
from typing import Literal, get_args

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from dpt.models import DPTDepthModel
from dpt.transforms import network_input, network_resize
from stereo.depth.kinds import KINDS
from stereo.fit import Fit
from stereo.images import ImageLike, to_rgb
from stereo.options import StereoOptions, Task

PictureToDisparity = Callable[[np.ndarray], np.ndarray]
DepthModel = DPTDepthModel | PictureToDisparity
Preprocessing = Literal["dpt", "published", "published-photo"]
ASPECT_TOLERANCE = 0.01


@torch.no_grad()
def predict_disparity(
    depth_model: DepthModel,
    image: ImageLike,
    *,
    preprocessing: str = "dpt",
    at_network_size: bool = False,
) -> np.ndarray:
    """Predict disparity (H, W) float32, in the network's units, of an image.

    The network is a DPT, or anything that is called with (H, W, 3) uint8 and returns disparity
    (h, w), near = large, which is resized to the image. The image may be (H, W, 3) uint8 RGB, or
    a picture of any mode, or such a file: grey, with transparency, of 16 bits, turned by EXIF.

    `preprocessing` "dpt" resizes and normalises as the network was trained; "published" feeds
    [0, 1] at the image's own size, as StereoDiffusion's text-to-stereo flow does;
    "published-photo" divides that by 255 once more, as its photo flow does.

    With `at_network_size` the map is what the network gives, for one who resizes it himself.

    Raises:
        ValueError: when the image cannot be used, or when what came is no map.
    """
    _check_preprocessing(preprocessing)
    image = to_rgb(image)
    if not is_dpt(depth_model):
        found = _called(depth_model, image)
        size = found.shape[-2:] if at_network_size else image.shape[:2]
        return _resized(found, size)[0, 0].numpy()
    if preprocessing == "dpt":
        x = network_input(image, net_size_px=depth_model.net_size_px)
    else:
        unit = torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255  # (1, 3, H, W)
        x = _published_input(unit, preprocessing)
    size = x.shape[-2:] if at_network_size else image.shape[:2]
    return _run(depth_model, x, size=size)[0].cpu().numpy()


@torch.no_grad()
def disparity_of_tensor(
    depth_model: DepthModel, images: Tensor, *, preprocessing: str = "dpt"
) -> Tensor:
    """Predict relative disparity (B, H, W) float32 of images (B, 3, H, W) in about [-1, 1].

    Values outside, as decoders give them, are clamped: a finished picture has none.
    """
    _check_preprocessing(preprocessing)
    height, width = images.shape[-2:]
    x = images.float().clamp(-1, 1)
    if not is_dpt(depth_model):
        pictures = ((x + 1) * 127.5).round().byte().permute(0, 2, 3, 1).cpu().numpy()
        maps = [_resized(_called(depth_model, one), (height, width)) for one in pictures]
        return torch.cat(maps)[:, 0].to(images.device)
    if preprocessing != "dpt":
        x = _published_input((x + 1) / 2, preprocessing)
        return _run(depth_model, x, size=(height, width))
    resize = network_resize(width, height, net_size_px=depth_model.net_size_px)
    net_width, net_height = resize.get_size(width, height)
    if (net_width, net_height) != (width, height):
        x = F.interpolate(x, (net_height, net_width), mode="bicubic", align_corners=False)
    return _run(depth_model, x, size=(height, width))


def _check_preprocessing(preprocessing: str) -> None:
    allowed = get_args(Preprocessing)
    if preprocessing not in allowed:
        raise ValueError(
            f"preprocessing {preprocessing!r} is unknown; expected one of {', '.join(allowed)}"
        )


def _published_input(unit: Tensor, preprocessing: str) -> Tensor:
    return unit / 255 if preprocessing == "published-photo" else unit


def is_dpt(depth_model: DepthModel) -> bool:
    """Tell a DPT network, which is fed tensors, from what is called with a picture."""
    return hasattr(depth_model, "net_size_px")


def network_record(depth_model: DepthModel | None) -> dict[str, str]:
    """Return a depth network's name, and what it gives, for the settings of what it made.

    None stands for the DPT inside a depth-conditioned checkpoint.
    """
    if depth_model is None or is_dpt(depth_model):
        return {"depth_network": "dpt", "depth_kind": KINDS["dpt"]}
    name = getattr(depth_model, "name", None) or type(depth_model).__name__
    return {"depth_network": name, "depth_kind": getattr(depth_model, "kind", "disparity")}


def _called(depth_model: PictureToDisparity, image: np.ndarray) -> Tensor:
    """Return what a network gives for a picture as (1, 1, h, w) float32 on the CPU."""
    found = np.asarray(depth_model(image))
    if found.ndim != 2 or found.dtype.kind not in "fiu":
        raise ValueError(
            f"depth_model: gave {found.dtype} of shape {found.shape}, expected numbers (H, W)"
        )
    check_disparity(found, name="depth_model: its map", may_be_flat=True)
    return torch.from_numpy(found.astype(np.float32))[None, None]


def _run(depth_model: DPTDepthModel, x: Tensor, *, size: tuple[int, int]) -> Tensor:
    """Run the network on its own device and precision; returns (B, *size) float32."""
    weight = next(depth_model.parameters())
    return _resized(depth_model(x.to(weight.device, weight.dtype)).float()[:, None], size)[:, 0]


def _resized(disparity: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize disparity (B, 1, h, w) to (B, 1, *size), bicubic."""
    if disparity.shape[-2:] == size:
        return disparity
    shrinks = size[0] < disparity.shape[-2] or size[1] < disparity.shape[-1]
    low, high = disparity.amin((1, 2, 3), True), disparity.amax((1, 2, 3), True)
    resized = F.interpolate(disparity, size, mode="bicubic", align_corners=False, antialias=shrinks)
    return resized.clamp(low, high)  # cubic overshoot would invent planes nearer than the nearest


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


def check_map(
    disparity: np.ndarray | None,
    options: StereoOptions,
    *,
    size_px: tuple[int, int] | None = None,
) -> None:
    """Refuse a user's map that says nothing or has other proportions than `size_px` (w, h).

    Raises:
        ValueError: when it is empty, not finite, constant though not in pixels, or stretched.
    """
    if disparity is None:
        return
    check_disparity(disparity, may_be_flat=options.metric_disparity)
    if size_px is not None:
        check_proportions(disparity, size_px)


def check_depth_model(depth_model: object, disparities: Sequence[np.ndarray | None]) -> None:
    """Refuse to begin where nothing gives the disparity.

    Raises:
        ValueError: when there is no depth model, and a map is missing.
    """
    if depth_model is None and any(disparity is None for disparity in disparities):
        raise ValueError("depth_model: got None without a disparity, expected one of the two")


def fit_map(
    frame: Fit, disparity: np.ndarray, image: np.ndarray, options: StereoOptions
) -> np.ndarray:
    """Crop and resize a user's disparity (H, W) exactly as its image (H, W, 3).

    One in pixels of the image comes out in pixels of the resized one.
    """
    if disparity.shape != image.shape[:2]:
        raise ValueError(
            f"disparity: got {disparity.shape[1]}x{disparity.shape[0]} px, expected the image's "
            f"{image.shape[1]}x{image.shape[0]}"
        )
    left, _, right, _ = frame.crop_px
    enlarged = frame.size_px[0] / (right - left) if options.metric_disparity else 1.0
    return frame.map(disparity * np.float32(enlarged))


def photo_disparity(
    depth_model: DepthModel,
    image: np.ndarray,
    frame: Fit,
    given: np.ndarray | None,
    options: StereoOptions,
) -> np.ndarray:
    """Return a photo's disparity, for fusion at its own size, else at the model's."""
    whole = Fit((0, 0, image.shape[1], image.shape[0]), (image.shape[1], image.shape[0]))
    wanted = whole if options.fusion else frame
    if given is not None:
        return fit_map(wanted, given, image, options)
    return predict_disparity(
        depth_model, wanted.image(image), preprocessing=preprocessing_of(options, "image")
    )


def preprocessing_of(options: StereoOptions, task: Task) -> Preprocessing:
    """Return how a workflow preprocesses pictures for the depth network.

    The depth workflow does it as the network was trained, always.
    """
    if not options.published_bookkeeping or task == "depth":
        return "dpt"
    return "published-photo" if task == "image" else "published"


def stack_maps(maps: Sequence[np.ndarray], device: torch.device) -> Tensor:
    """Turn maps (H, W) into (n, H, W) float32 on the device."""
    stack = [torch.from_numpy(np.ascontiguousarray(one, dtype=np.float32)) for one in maps]
    return torch.stack(stack).to(device)
