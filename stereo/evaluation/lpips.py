"""LPIPS (Zhang et al. 2018, version 0.1) on backbones that are on this machine; nothing is fetched.

Network and linear heads are torchmetrics', whose public class would download torchvision's ImageNet
weights; here they come from a file, and distances may be averaged over masks.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ldm.files import file_digest
from ldm.known_files import MODELS, ROOT

MISSING = "skipped: weights not found"
# Names of torchvision's networks, with which the names of their files begin.
BACKBONES = {"squeeze": "squeezenet1_1", "alex": "alexnet", "vgg": "vgg16"}


@dataclass(frozen=True)
class Lpips:
    """A network with its weights, and the digest of the backbone's file."""

    name: str
    network: nn.Module
    digest: str

    @torch.no_grad()
    def distances(
        self, output: np.ndarray, target: np.ndarray, masks: Sequence[np.ndarray | None]
    ) -> list[float]:
        """Return the distance over each of several masks; None is the plain LPIPS."""
        both = zip(self.network.lins, self._features(output), self._features(target), strict=True)
        maps = [head((a - b) ** 2) for head, a, b in both]  # each (1, 1, h, w)
        plain = float(sum(values.mean() for values in maps))
        size = output.shape[:2]
        spread = sum(F.interpolate(values, size, mode="bilinear") for values in maps)[0, 0].numpy()
        return [
            plain if mask is None else float(spread[mask].mean()) if mask.any() else float("nan")
            for mask in masks
        ]

    def _features(self, image: np.ndarray) -> list[Tensor]:
        from torchmetrics.functional.image.lpips import _normalize_tensor

        x = torch.from_numpy(image.astype(np.float32)).permute(2, 0, 1)[None] / 127.5 - 1
        return [_normalize_tensor(x) for x in self.network.net(self.network.scaling_layer(x))]


def find_backbones(path: Path | None = None) -> dict[str, Path]:
    """Return the backbone files at hand, by name.

    Looked for as `squeezenet1_1*.pth` and so on in `path` (or as that file), in `models/`, and in
    torch's own download cache.

    Raises:
        FileNotFoundError: when `path` does not exist.
        ValueError: when it is a file of another name.
    """
    if path is not None and not path.exists():
        raise FileNotFoundError(f"lpips: {path} does not exist, expected a folder or a .pth file")
    folders = [ROOT / MODELS, Path(torch.hub.get_dir()) / "checkpoints"]
    files = []
    if path is not None and path.is_dir():
        folders.insert(0, path)
    elif path is not None:
        files.append(path)
        if not path.name.startswith(tuple(BACKBONES.values())):
            expected = ", ".join(BACKBONES.values())
            raise ValueError(f"lpips: got {path.name}, expected one of {expected}, *.pth")
    files += [file for folder in folders for file in sorted(folder.glob("*.pth"))]
    # The first file of a name counts.
    return {
        name: next(file for file in files if file.name.startswith(start))
        for name, start in BACKBONES.items()
        if any(file.name.startswith(start) for file in files)
    }


def load_lpips(name: str, backbone: Path) -> Lpips:
    """Load a backbone's weights (torchvision state dict) into torchmetrics' network.

    Raises:
        ValueError: when the file is no such backbone.
    """
    from torchmetrics.functional.image.lpips import _LPIPS  # takes seconds, so only where needed

    network = _LPIPS(net=name, pnet_rand=True)
    try:
        stored = torch.load(backbone, map_location="cpu", weights_only=True)
        # `slices.1.3.weight` and `slice2.3.weight` are layers of torchvision's `features`.
        layers = {
            key: re.sub(r"slices?\.?\d+", "features", key) for key in network.net.state_dict()
        }
        network.net.load_state_dict({key: stored[layer] for key, layer in layers.items()})
    except Exception as error:
        # Damaged pickles raise anything; all of it means the same here.
        raise ValueError(f"lpips: {backbone} is no torchvision {BACKBONES[name]} file") from error
    return Lpips(name, network, file_digest(backbone))
