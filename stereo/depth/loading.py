"""Choose and load depth networks: DPT files, folders of other networks, and the hub's cache."""

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from ldm.files import FINGERPRINT_DIGITS, file_digest
from ldm.known_files import MIDAS_MODELS, ROOT
from stereo.depth.baseline import BaselineOptions
from stereo.depth.kinds import KINDS, METRIC
from stereo.runtime.device import choose_device
from stereo.runtime.models import find_file
from stereo.runtime.places import find_given, naming, place_name

if TYPE_CHECKING:
    from dpt.models import DPTDepthModel
    from stereo.depth.networks import PictureNetwork

ARGUMENT = "depthmodel_path"
PUBLISHED = ("dpt_hybrid-midas-501f0c75", "dpt_large-midas-2f21e586")
EMBEDDED = ROOT / MIDAS_MODELS / "shapes-dpt.safetensors"
FOR_PHOTOS = "depth-anything-v2-small, then --depth_model depth-anything-v2-small"


def find_depth_checkpoint(given: Path | str | None = None) -> Path:
    """Return the file or folder of a depth network, and say in one log line which it is.

    Args:
        given: a file, a folder, `owner/name[@revision]` in the hub's cache, or a name that
            `python -m stereo.fetch --list` shows; None takes the published file, else ours.

    Raises:
        OSError: when it is not there.
        ValueError: when the name cannot be one.
    """
    if given is None:
        return find_file(PUBLISHED, EMBEDDED, FOR_PHOTOS)
    place = find_given(given, ARGUMENT)
    return _checked(place) if place.is_dir() else place


def _checked(folder: Path) -> Path:
    """Return a folder; raise where its configuration shows that it holds no depth network."""
    from stereo.depth.networks import network_name

    with naming(ARGUMENT, folder):
        network_name(folder)
    return folder


def load_depth_model(
    path: Path | str | None = None, *, device: str | None = None
) -> "DPTDepthModel | PictureNetwork":
    """Load a monocular depth network, in float32. `path` as in `find_depth_checkpoint`.

    Raises:
        ValueError: for what is no depth network.
        OSError: for one that cannot be read.
    """
    found = find_depth_checkpoint(path)
    with naming(ARGUMENT, found):
        if found.is_dir():
            from stereo.depth.networks import load_network as load
        else:
            from dpt.models import load_depth_model as load
        model = load(found)
    return model.to(choose_device(device)).requires_grad_(False).eval()


def check_metric(baseline: BaselineOptions, path: Path | None) -> None:
    """Refuse a real baseline where a network, None for a checkpoint's own, gives no metres.

    Raises:
        ValueError: naming what it gives.
    """
    if baseline.baseline_cm is None:
        return
    from stereo.depth.networks import network_name

    kind = KINDS[network_name(path) if path and path.is_dir() else "dpt"]
    if kind not in METRIC:
        name = place_name(path) if path else "the network inside the checkpoint"
        raise ValueError(
            f"baseline_cm: {name} gives {kind}, expected a network that gives metres, such as "
            "--depth_model apple/DepthPro-hf"
        )


def depth_digest(path: Path) -> str:
    """Return what tells a depth network's file, or folder, from another."""
    if path.is_file():
        return file_digest(path)
    files = sorted(file for file in path.iterdir() if file.is_file())
    parts = "".join(f"{file.name} {file_digest(file)}\n" for file in files)
    return hashlib.sha256(parts.encode()).hexdigest()[:FINGERPRINT_DIGITS]
