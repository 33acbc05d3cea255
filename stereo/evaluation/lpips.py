"""LPIPS (Zhang et al. 2018, version 0.1), on backbones found on this machine and never fetched.

The linear heads ship with torchmetrics. The backbone is torchvision's ImageNet classifier.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from ldm.files import file_digest

MISSING = "skipped: weights not found"
# Per backbone: torchvision's name, and the layers whose outputs are compared.
TAPS = {
    "squeeze": ("squeezenet1_1", (1, 4, 7, 9, 10, 11, 12)),
    "alex": ("alexnet", (1, 4, 7, 9, 11)),
    "vgg": ("vgg16", (3, 8, 15, 22, 29)),
}
# Published statistics of the inputs, for images in [-1, 1].
MEAN, SPREAD = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)


@dataclass(frozen=True)
class Lpips:
    """A loaded backbone, its linear heads, the layers they look at, and its file's digest."""

    name: str
    layers: nn.Sequential
    heads: list[Tensor]
    taps: tuple[int, ...]
    digest: str

    def distance(
        self, output: np.ndarray, target: np.ndarray, mask: np.ndarray | None = None
    ) -> float:
        """Return the distance of two (H, W, 3) uint8 images, averaged over the mask."""
        return self.distances(output, target, [mask])[0]

    @torch.no_grad()
    def distances(
        self, output: np.ndarray, target: np.ndarray, masks: Sequence[np.ndarray | None]
    ) -> list[float]:
        """Return the distance over each of several masks; None is the plain LPIPS."""
        both = zip(self._features(output), self._features(target), self.heads, strict=True)
        maps = [
            ((_normalise(a) - _normalise(b)) ** 2 * head).sum(1, keepdim=True)  # (1, 1, h, w)
            for a, b, head in both
        ]
        plain = float(sum(values.mean() for values in maps))
        size = output.shape[:2]
        spread = sum(nn.functional.interpolate(values, size, mode="bilinear") for values in maps)
        chosen = [None if mask is None else spread[0, 0].numpy()[mask] for mask in masks]
        return [plain if part is None else _mean(part) for part in chosen]

    def _features(self, image: np.ndarray) -> list[Tensor]:
        x = torch.from_numpy(image.astype(np.float32)).permute(2, 0, 1)[None] / 127.5 - 1
        x = (x - _column(MEAN)) / _column(SPREAD)
        found = []
        for index, layer in enumerate(self.layers[: self.taps[-1] + 1]):
            x = layer(x)
            if index in self.taps:
                # The next layer may work in place.
                found.append(x.clone())
        return found


def find_backbones(given: Path | None = None) -> dict[str, Path]:
    """Return the backbone files at hand, by name.

    Looked for as `squeezenet1_1*.pth` and so on in a given folder (or as a given file), in
    `models/`, and in torch's own download cache.

    Raises:
        FileNotFoundError: when a given path does not exist.
    """
    from ldm.known_files import MODELS, ROOT

    if given is not None and not given.exists():
        raise FileNotFoundError(f"lpips: {given} does not exist, expected a folder or a .pth file")
    folders = [ROOT / MODELS, Path(torch.hub.get_dir()) / "checkpoints"]
    files = [given] if given is not None and given.is_file() else []
    names = [name for name, _ in TAPS.values()]
    if files and not given.name.startswith(tuple(names)):
        raise ValueError(f"lpips: got {given.name}, expected one of {', '.join(names)}, *.pth")
    for folder in folders if given is None or given.is_file() else [given, *folders]:
        files += sorted(folder.glob("*.pth")) if folder.is_dir() else []
    named = {name: [p for p in files if p.name.startswith(TAPS[name][0])] for name in TAPS}
    return {name: paths[0] for name, paths in named.items() if paths}


def load_lpips(name: str, backbone: Path) -> Lpips:
    """Load a backbone's weights (torchvision state dict) and its linear heads.

    Raises:
        ValueError: when the file is no such backbone.
    """
    import torchvision

    architecture, taps = TAPS[name]
    model = getattr(torchvision.models, architecture)(weights=None)
    try:
        stored = torch.load(backbone, map_location="cpu", weights_only=True)
        layers = {k.removeprefix("features."): v for k, v in stored.items() if "features." in k}
        model.features.load_state_dict(layers)
    except Exception as error:
        # Damaged pickles raise anything; all of it means the same here.
        raise ValueError(f"lpips: {backbone} is no torchvision {architecture} file") from error
    layers = model.features.float().eval().requires_grad_(False)
    return Lpips(name, layers, _heads(name, len(taps)), taps, file_digest(backbone))


def _heads(name: str, count: int) -> list[Tensor]:
    import torchmetrics

    folder = Path(torchmetrics.__file__).parent / "functional" / "image" / "lpips_models"
    stored = torch.load(folder / f"{name}.pth", map_location="cpu", weights_only=True)
    return [stored[f"lin{k}.model.1.weight"] for k in range(count)]  # each (1, C, 1, 1)


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if values.size else float("nan")


def _normalise(features: Tensor) -> Tensor:
    return features / (features.pow(2).sum(1, keepdim=True).sqrt() + 1e-10)


def _column(values: tuple[float, ...]) -> Tensor:
    return torch.tensor(values).view(1, -1, 1, 1)
