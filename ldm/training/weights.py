"""Weights of single parts, as files between one part's training and the next."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from dpt.weights import read_tensors
from ldm.checkpoint import save_checkpoint

UNREAD_ENDINGS = ("logit_scale", "text_projection")
DEPTH_WEIGHTS = "midas_models/shapes-dpt.safetensors"


def part_config(path: Path) -> dict[str, Any]:
    """Return the configuration inside a part's file.

    Raises:
        FileNotFoundError: the part has not been trained yet.
        ValueError: the file holds no configuration.
    """
    require_file(path)
    _, metadata = read_tensors(path)
    if "config" not in metadata:
        raise ValueError(f"{path}: holds no configuration; expected a file that train.py wrote")
    return json.loads(metadata["config"])


def autoencoder_config(path: Path) -> tuple[Mapping[str, Any], float]:
    """Return an autoencoder's configuration and the scale of its latents.

    `path` holds the autoencoder alone, or a whole model that it is a part of.
    """
    config = part_config(path)
    if "scale_factor" in config:
        return config["model"], config["scale_factor"]
    params = config["model"]["params"]
    return params["first_stage_config"], params["scale_factor"]


def load_part(network: nn.Module, path: Path, *, inside: str = "") -> None:
    """Copy a part's weights into `network`, in float32.

    In the file of a whole model they are the names that begin with `inside`.

    Raises:
        FileNotFoundError: the part has not been trained yet.
        ValueError: the weights are those of another network.
    """
    require_file(path)
    tensors, _ = read_tensors(path)
    if inside and any(name.startswith(inside) for name in tensors):
        tensors = {n[len(inside) :]: t for n, t in tensors.items() if n.startswith(inside)}
    load_strictly(network, {name: value.float() for name, value in tensors.items()}, path=path)


def load_strictly(
    network: nn.Module,
    tensors: Mapping[str, Tensor],
    *,
    path: Path,
    prefixes: tuple[str, ...] = ("",),
) -> None:
    """Copy `tensors` into all of the network's weights whose names begin with `prefixes`.

    Weights that files leave out because nothing reads them keep their values.

    Raises:
        ValueError: a name is missing or unknown, or a shape is another.
    """
    own = network.state_dict()
    wanted = {n for n in own if n.startswith(prefixes) and not n.endswith(UNREAD_ENDINGS)}
    wrong = sorted(wanted ^ set(tensors))
    wrong += [n for n in wanted & set(tensors) if own[n].shape != tensors[n].shape]
    if wrong:
        raise ValueError(f"{path}: does not fit the configuration ({len(wrong)}: {wrong[0]}, ...)")
    network.load_state_dict(dict(tensors), strict=False)


def save_without_depth_network(model: nn.Module, path: Path, config: Mapping[str, Any]) -> None:
    """Write a depth-conditioned model without its depth network, as two files stay small enough.

    The metadata `depth_weights` says which file holds the rest, relative to the repository.
    """
    from safetensors import safe_open
    from safetensors.torch import save_file

    save_checkpoint(model, path, config)
    with safe_open(path, framework="pt") as file:
        metadata = {**file.metadata(), "depth_weights": DEPTH_WEIGHTS}
        names = [name for name in file.keys() if not name.startswith("depth_model.")]
        tensors = {name: file.get_tensor(name) for name in names}
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        save_file(tensors, str(partial), metadata=metadata)
        partial.chmod(path.stat().st_mode)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def require_file(path: Path) -> None:
    """Raise FileNotFoundError, in one line, unless `path` is a file."""
    if not path.is_file():
        raise FileNotFoundError(f"{path} is not there; train the part that writes it first")
