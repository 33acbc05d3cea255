"""Depth networks of other packages: transformers, Depth Anything 3, MoGe.

Each is read from a folder on this machine, runs nothing that lies there, and asks no network. The
packages are imported when they are needed.
"""

import importlib
import inspect
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from ldm.untrusted_folder import UntrustedFolder
from stereo.depth.kinds import KINDS, DepthMap, Kind, to_disparity

CONFIG, MOGE_WEIGHTS = "config.json", "model.pt"
# Layers of the published weights that no forward pass uses, so that files leave them out.
UNUSED = "fusion_stage.layers.0.residual_layer1."
MAX_CONFIG_BYTES = 2**20


class PictureNetwork(nn.Module, ABC):
    """A network that looks at pictures: called with (H, W, 3) uint8 it gives disparity (h, w).

    Attributes:
        name: as in `KINDS`.
        kind: what the network itself gives.
    """

    def __init__(self, model: nn.Module, name: str) -> None:
        super().__init__()
        self.model, self.name = model.requires_grad_(False).eval(), name
        self.kind: Kind = KINDS[name]

    @abstractmethod
    def estimate(self, image: np.ndarray) -> DepthMap:
        """Return what the network gives for a picture (H, W, 3) uint8."""

    @torch.no_grad()
    def forward(self, image: np.ndarray) -> np.ndarray:
        """Return relative disparity (h, w) float32, near = large."""
        return to_disparity(self.estimate(image))

    def _on_device(self, values: torch.Tensor) -> torch.Tensor:
        return values.to(next(self.model.parameters()).device)

    def _map(self, values: Any, focal_widths: float | None = None) -> DepthMap:
        stored = values.float().cpu().numpy() if isinstance(values, torch.Tensor) else values
        return DepthMap(np.asarray(stored, np.float32), self.kind, focal_widths)


class TransformersNetwork(PictureNetwork):
    """What transformers' `AutoModelForDepthEstimation` reads."""

    def __init__(self, model: nn.Module, name: str, processor: Any) -> None:
        super().__init__(model, name)
        self._processor = processor

    def estimate(self, image: np.ndarray) -> DepthMap:
        """Return the map at the picture's size."""
        size = [image.shape[:2]]
        inputs = self._processor(images=image, return_tensors="pt")
        outputs = self.model(pixel_values=self._on_device(inputs["pixel_values"]))
        finish = self._processor.post_process_depth_estimation
        sizes = {"target_sizes": size, "source_sizes": size}  # the second where it pads
        known = inspect.signature(finish).parameters
        (found,) = finish(outputs, **{key: sizes[key] for key in sizes if key in known})
        focal_px = found.get("focal_length")
        focal_widths = None if focal_px is None else float(focal_px) / image.shape[1]
        return self._map(found["predicted_depth"], focal_widths)


class DepthAnything3Network(PictureNetwork):
    """Depth Anything 3 for single pictures, of the package depth-anything-3."""

    def estimate(self, image: np.ndarray) -> DepthMap:
        """Return the map at the network's size; sky is infinitely far."""
        found = self.model.inference([image])
        depth, sky = found.depth[0], getattr(found, "sky", None)
        return self._map(depth if sky is None else np.where(sky[0], np.inf, depth))


class MogeNetwork(PictureNetwork):
    """MoGe 2, of the package moge."""

    def estimate(self, image: np.ndarray) -> DepthMap:
        """Return the map at the picture's size; what has no depth is infinitely far."""
        unit = torch.from_numpy(image).permute(2, 0, 1).float() / 255
        found = self.model.infer(self._on_device(unit))
        return self._map(found["depth"], float(found["intrinsics"][0, 0]))  # of unit pictures


def network_name(folder: Path) -> str:
    """Return which network of `KINDS` a folder holds, from its configuration alone.

    Raises:
        ValueError: when it holds none, or links to files elsewhere.
    """
    untrusted = UntrustedFolder(folder)
    _check_links(untrusted)
    if not (folder / CONFIG).is_file():
        if (folder / MOGE_WEIGHTS).is_file():
            return "moge"
        raise ValueError(f"{folder}: holds no {CONFIG}; expected a folder of a depth network")
    config = _read_config(untrusted)
    name = _name_in(config)
    if name not in KINDS:
        raise ValueError(f"{folder}: holds {name!r}; expected one of {', '.join(KINDS)}")
    if name.startswith("depth_anything_3"):
        return name
    if any(part.get("use_pretrained_backbone") for part in (config, *_parts(config))):
        raise ValueError(f"{folder}: takes weights of another model, expected its own")
    return name


def load_network(folder: Path) -> PictureNetwork:
    """Load the depth network that a folder holds, on the CPU, in float32.

    Raises:
        ValueError: when it holds none, when weights and configuration do not fit, or when the
            package that it needs is not installed.
    """
    name = network_name(folder)
    if name == "moge":
        kind = _import("moge.model.v2", "moge", "moge").MoGeModel
        return MogeNetwork(_read(folder, lambda: kind.from_pretrained(folder / MOGE_WEIGHTS)), name)
    if name.startswith("depth_anything_3"):
        kind = _import("depth_anything_3.api", "depth_anything_3", "depth-anything-3")
        reader = kind.DepthAnything3.from_pretrained
        return DepthAnything3Network(_read(folder, lambda: reader(folder)), name)
    transformers = _import("transformers", "transformers", "transformers")
    return _read(folder, lambda: _load_transformers(transformers, folder, name))


def _load_transformers(package: Any, folder: Path, name: str) -> TransformersNetwork:
    safe = {"local_files_only": True, "trust_remote_code": False}
    package.logging.set_verbosity_error()
    package.logging.disable_progress_bar()
    processor = package.AutoImageProcessor.from_pretrained(folder, **safe)
    model, report = package.AutoModelForDepthEstimation.from_pretrained(
        folder, output_loading_info=True, dtype=torch.float32, **safe
    )
    missing = [key for key in report["missing_keys"] if UNUSED not in key]
    if missing:
        raise ValueError(f"{len(missing)} weights missing: {missing[0]}, ...")
    return TransformersNetwork(model, name, processor)


def _read(folder: Path, read: Any) -> Any:
    """Call a package's reader; whatever it raises on bad files becomes one line."""
    try:
        return read()
    except MemoryError:
        raise
    except Exception as error:  # packages raise anything: their own, KeyError, AttributeError, ...
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise ValueError(f"{folder}: cannot be read: {lines[0]}") from error


def _import(module: str, package: str, distribution: str) -> Any:
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] != package:
            raise
        raise ValueError(f"this network needs: pip install {distribution}") from error


def _name_in(config: dict[str, Any]) -> str:
    """Return the network that a configuration names, in the words of `KINDS` where it is there."""
    kind = config.get("model_type")
    package_name = str(config.get("model_name", ""))
    if kind is None and package_name.startswith("da3"):
        return f"depth_anything_3 {package_name[3:].strip('-').partition('-')[0]}"
    if kind == "depth_anything" and config.get("depth_estimation_type") == "metric":
        return "depth_anything metric"
    backbone = config.get("backbone_config") or {}
    if kind == "dpt" and backbone.get("model_type") == "dinov2":
        return "dpt on dinov2"  # it is no MiDaS, and what it gives is written nowhere
    return str(kind)


def _parts(config: dict[str, Any]) -> list[dict[str, Any]]:
    return [part for part in config.values() if isinstance(part, dict)]


def _read_config(folder: UntrustedFolder) -> dict[str, Any]:
    try:
        return folder.read_json(CONFIG, most_bytes=MAX_CONFIG_BYTES)
    except ValueError as error:
        raise ValueError(f"{folder.path / CONFIG}: is no JSON configuration") from error


def _check_links(folder: UntrustedFolder) -> None:
    """Raise ValueError for links out of the folder, as packages would follow them."""
    for path in folder.path.iterdir():
        if not folder.holds(path):
            raise ValueError(f"{path}: links out of its folder")
