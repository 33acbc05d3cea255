"""Choose and load depth networks: DPT files, folders of other networks, and the hub's cache."""

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from ldm.downloads import find_download
from ldm.files import FINGERPRINT_DIGITS, file_digest
from ldm.hub_cache import find_in_hub_cache
from ldm.known_files import MIDAS_MODELS, ROOT, describe_missing
from stereo.runtime.device import choose_device
from stereo.runtime.models import find_file, naming

if TYPE_CHECKING:
    from dpt.models import DPTDepthModel
    from stereo.depth.networks import PictureNetwork

ARGUMENT = "depthmodel_path"
PUBLISHED = ("dpt_hybrid-midas-501f0c75", "dpt_large-midas-2f21e586")
EMBEDDED = ROOT / MIDAS_MODELS / "shapes-dpt.safetensors"
WEIGHT_SUFFIXES = (".pt", ".pth", ".ckpt", ".safetensors", ".bin")


def find_depth_checkpoint(given: Path | str | None = None) -> Path:
    """Return the file or folder of a depth network, and say in one log line which it is.

    Args:
        given: a file, a folder, `owner/name[@revision]` in the hub's cache, or a name that
            `python -m stereo.fetch --list` shows; None takes the published file, else ours.

    Raises:
        OSError: when it is not there.
        ValueError: when the name cannot be one.
    """
    if given is None or Path(given).is_file():
        return find_file(given, ARGUMENT, PUBLISHED, EMBEDDED)
    if Path(given).is_dir():
        return _checked(Path(given))
    if Path(given).suffix in WEIGHT_SUFFIXES:
        raise FileNotFoundError(f"{ARGUMENT}: {describe_missing(Path(given))}")
    name, place = str(given), None
    known = find_download(name)
    if known is not None and known.file is not None:
        place = ROOT / known.folder / known.file
    else:
        try:
            place = find_in_hub_cache(known.hub_id if known else name)
        except ValueError as error:
            raise ValueError(f"{ARGUMENT}: {error}") from error
    if place is None or not place.exists():
        raise FileNotFoundError(
            f"{ARGUMENT}: {name} is not on this machine; fetch it: python -m stereo.fetch {name}"
        )
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


def depth_digest(path: Path) -> str:
    """Return what tells a depth network's file, or folder, from another."""
    if path.is_file():
        return file_digest(path)
    files = sorted(file for file in path.iterdir() if file.is_file())
    parts = "".join(f"{file.name} {file_digest(file)}\n" for file in files)
    return hashlib.sha256(parts.encode()).hexdigest()[:FINGERPRINT_DIGITS]


def place_name(path: Path) -> str:
    """Return what a depth network's file or folder is called: a snapshot by its `owner/name`."""
    if path.parent.name != "snapshots":
        return path.name
    owner_name = path.parents[1].name.removeprefix("models--").replace("--", "/")
    return f"{owner_name}@{path.name}"
