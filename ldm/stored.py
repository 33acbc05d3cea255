"""What checkpoints hold, in the published form: of single files, and of diffusers folders."""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

from dpt.weights import is_mapped, read_tensors
from ldm.diffusers_folder import INDEX, DiffusersFolder, is_diffusers_folder
from ldm.diffusers_layout import folder_files, read_pipeline, read_vae
from ldm.files import file_digest
from ldm.known_files import ROOT, describe_missing
from ldm.published_names import VAE, published

logger = logging.getLogger(__name__)

ELSEWHERE = "parts_elsewhere"


@dataclass
class Stored:
    """What a checkpoint holds.

    Attributes:
        path: The file or the folder.
        tensors: By published name.
        mapped: Whether they lie in mapped files.
        config: What it says about the model, None if nothing.
        metadata: Text that safetensors hold beside.
    """

    path: Path
    tensors: dict[str, Tensor]
    mapped: bool
    config: Mapping[str, Any] | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)


def read_stored(path: Path) -> Stored:
    """Read a checkpoint: a single file, or a folder that diffusers saved.

    Raises:
        FileNotFoundError: It, or a part of it, is not there.
        ValueError: It is damaged, or something else.
    """
    if path.is_dir():
        if not is_diffusers_folder(path):
            raise ValueError(
                f"{path}: this is a folder without {INDEX}; {DiffusersFolder.expected}"
            )
        found = read_pipeline(path)
        return Stored(path, found.tensors, found.mapped, found.config)
    if not path.exists():
        raise FileNotFoundError(describe_missing(path))
    tensors, metadata = read_tensors(path)
    tensors = published(tensors) | _tensors_elsewhere(path, metadata)
    config = _embedded_mapping(path, metadata, "config") if "config" in metadata else None
    return Stored(path, tensors, is_mapped(path), config, metadata)


def read_stored_vae(path: Path) -> Stored:
    """Read an autoencoder: a file of its own or with a whole model, or a diffusers folder.

    The configuration is a part of a model's.

    Raises:
        FileNotFoundError: It, or a part of it, is not there.
        ValueError: It is damaged, or something else.
    """
    if path.is_dir():
        found = read_vae(path)
        return Stored(path, found.tensors, found.mapped, found.config)
    tensors, metadata = read_tensors(path)
    if not any(name.startswith(VAE) for name in tensors):
        tensors = {VAE + name: tensor for name, tensor in tensors.items()}
    tensors = {name: t for name, t in published(tensors).items() if name.startswith(VAE)}
    if f"{VAE}encoder.conv_in.weight" not in tensors:
        raise ValueError(f"{path}: holds no autoencoder (VAE); expected a file or folder of one")
    return Stored(path, tensors, is_mapped(path))


def checkpoint_digest(path: Path) -> str:
    """Return what tells a checkpoint from another, the files that it takes parts from included.

    Raises:
        OSError: One of them is not there.
        ValueError: The file is damaged.
    """
    if path.is_dir():
        return "-".join(file_digest(file) for file in folder_files(path))
    if path.suffix != ".safetensors":
        return file_digest(path)
    files = [path, *_files_elsewhere(path, read_tensors(path)[1]).values()]
    return "-".join(file_digest(file) for file in files)


def _tensors_elsewhere(path: Path, metadata: Mapping[str, str]) -> dict[str, Tensor]:
    """Return the weights of the parts of which a file only names the place.

    Our own files do: they share parts, and with them would be larger than a file here may be.
    """
    tensors: dict[str, Tensor] = {}
    for prefix, file in _files_elsewhere(path, metadata).items():
        part, _ = read_tensors(file)
        tensors |= {f"{prefix}{name}": tensor for name, tensor in part.items()}
    return tensors


def _files_elsewhere(path: Path, metadata: Mapping[str, str]) -> dict[str, Path]:
    if ELSEWHERE not in metadata:
        return {}
    files = {}
    for prefix, place in _embedded_mapping(path, metadata, ELSEWHERE).items():
        files[prefix] = file = (ROOT / str(place)).resolve()
        if not file.is_relative_to(ROOT):
            raise ValueError(f"{path}: its metadata {ELSEWHERE!r} leads out of the repository")
        if not file.is_file():
            raise FileNotFoundError(f"{path}: needs {place}, which is not there")
    return files


def _embedded_mapping(path: Path, metadata: Mapping[str, str], key: str) -> Mapping[str, Any]:
    try:
        found = json.loads(metadata[key])
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}: its metadata {key!r} is no JSON ({error})") from error
    if not isinstance(found, dict):
        raise ValueError(f"{path}: its metadata {key!r} is no mapping")
    return found
