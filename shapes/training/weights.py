"""Networks of single parts: built from a configuration, or from the file that a part wrote."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from torch import Tensor, nn

from dpt.weights import read_tensors
from ldm.util import instantiate_from_config

UNREAD_ENDINGS = ("logit_scale", "text_projection")
# The UNet and the text encoder.
DENOISER = ("model.diffusion_model.", "cond_stage_model.")
# Parts that the embedded models share, and their files: with them no file stayed under 16 MiB.
SHARED_AUTOENCODER = {"first_stage_model.": "models/first_stage_models/shapes.safetensors"}
SHARED_PARTS = {
    **SHARED_AUTOENCODER,
    "depth_model.model.": "midas_models/shapes-dpt.safetensors",
}
Network = TypeVar("Network", bound=nn.Module)


def build_network(config: Mapping[str, Any], kind: type[Network]) -> Network:
    """Build the network of `kind` that `model` of a training configuration describes.

    Raises:
        ValueError: it describes another network, or none.
    """
    try:
        network = instantiate_from_config(config)
    except (ArithmeticError, AssertionError, AttributeError, LookupError, RuntimeError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ValueError(f"model: cannot be built ({reason})") from error
    if not isinstance(network, kind):
        target = config["target"]
        raise ValueError(f"model, target: got {target!r}, expected a kind of {kind.__name__}")
    return network


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

    Raises:
        ValueError: the file is that of another part.
    """
    config = part_config(path)
    if "scale_factor" not in config:
        raise ValueError(f"{path}: its configuration has no 'scale_factor', is no autoencoder's")
    return config["model"], config["scale_factor"]


def load_part(network: nn.Module, path: Path) -> None:
    """Copy a part's weights into `network`, in float32.

    Raises:
        FileNotFoundError: the part has not been trained yet.
        ValueError: the weights are those of another network.
    """
    require_file(path)
    tensors, _ = read_tensors(path)
    load_strictly(network, {name: value.float() for name, value in tensors.items()}, path=path)


def load_strictly(
    network: nn.Module,
    tensors: Mapping[str, Tensor],
    *,
    path: Path,
    prefixes: tuple[str, ...] = ("",),
) -> None:
    """Copy `tensors` into all of the network's weights whose names begin with `prefixes`.

    Weights that nothing reads keep their values, whether a file has them or not.

    Raises:
        ValueError: a name is missing or unknown, or a shape is another.
    """
    own = network.state_dict()
    wanted = {n for n in own if n.startswith(prefixes) and not n.endswith(UNREAD_ENDINGS)}
    tensors = {n: t for n, t in tensors.items() if not n.endswith(UNREAD_ENDINGS)}
    wrong = sorted(wanted ^ set(tensors))
    wrong += [n for n in wanted & set(tensors) if own[n].shape != tensors[n].shape]
    if wrong:
        raise ValueError(f"{path}: does not fit the configuration ({len(wrong)}: {wrong[0]}, ...)")
    network.load_state_dict(tensors, strict=False)


def require_file(path: Path) -> None:
    """Raise FileNotFoundError, in one line, unless `path` is a file."""
    if not path.is_file():
        raise FileNotFoundError(f"{path} is not there; train the part that writes it first")
