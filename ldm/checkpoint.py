"""Loading whole diffusion models, from single files and diffusers folders.

Checkpoints are untrusted: nothing they hold is run (`dpt.weights`), their configurations can only
name classes of this repository (`ldm.util`), and their weights must fit exactly.
"""

import logging
from collections.abc import Mapping
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_module_registration_hook

from dpt.weights import describe_misfit, drop_pages
from ldm.known_files import ROOT
from ldm.models.diffusion.schedule import SCHEDULE_NAMES
from ldm.published_names import VAE, is_ignored, only_averages, unread, with_averages
from ldm.recognise import check_parts, read_architecture, recognise_config, stated_settings
from ldm.stored import Stored, read_stored, read_stored_vae
from ldm.util import as_plain, instantiate_from_config, read_yaml

if TYPE_CHECKING:
    from ldm.models.diffusion.ddpm import LatentDiffusion

logger = logging.getLogger(__name__)

PARAMETERIZATIONS = ("eps", "v")
# What a configuration that makes no sense raises, besides what checks of ours do.
BAD_CONFIG = (
    *(ArithmeticError, AttributeError, LookupError, MemoryError),
    *(RuntimeError, TypeError, ValueError),
)
# Stable Diffusion 2 with depth has 1,700 layers and 1000 timesteps.
MAX_LAYERS, MAX_TIMESTEPS = 20_000, 100_000


def load_model(
    path: str | Path,
    *,
    config: str | Path | Mapping[str, Any] | None = None,
    vae: str | Path | None = None,
    parameterization: str | None = None,
    dtype: torch.dtype = torch.float32,
    exact: tuple[str, ...] = (),
    device: str | torch.device = "cpu",
) -> "LatentDiffusion":
    """Load a checkpoint, frozen and in evaluation mode, with weights of `dtype` on `device`.

    Weights stay in the mapped file where they already have `dtype`; others are converted one by
    one. The noise schedule is float32 always.

    Args:
        path: A `.ckpt` as Lightning writes it, a `.safetensors` with the same names, or a folder
            that diffusers saved.
        config: A YAML file or its content. Left out: the checkpoint's own, else recognised
            (`ldm.recognise`).
        vae: A file or a diffusers folder whose autoencoder takes the place of the checkpoint's.
        parameterization: "eps" or "v", over what the configuration says.
        dtype: Of the weights.
        exact: Beginnings of the names of those that are float32 whatever `dtype` is.
        device: Where the model goes.

    Raises:
        FileNotFoundError: `path`, `vae` or `config` is not there.
        ValueError: A file is damaged, is something else, or does not fit the configuration.
    """
    stored = read_stored(Path(path))
    known = read_config(config) if isinstance(config, str | Path) else config or stored.config
    place = f"{path}: its configuration" if config is None else "config"
    if only_averages(stored.tensors):
        names = _build(known or _published_config("v1-inference"), place).state_dict()
        stored.tensors = with_averages(stored.tensors, names)
    known = known or _recognised(stored)
    if vae is not None:
        known = _with_vae(stored, known, Path(vae))
    model = _build(_with_params(known, parameterization=parameterization), place)
    check_weights(model, stored.tensors, path=stored.path)
    _assign(model, stored, dtype=dtype, exact=exact)
    return model.eval().requires_grad_(False).to(device)


def build_model(config: Mapping[str, Any], *, device: str = "cpu") -> "LatentDiffusion":
    """Build the model that a configuration describes, with fresh weights ("meta": with none)."""
    config = as_plain(config)
    described = config.get("model", config) if isinstance(config, Mapping) else config
    with torch.device(device):
        return instantiate_from_config(described)


def read_config(path: str | Path) -> dict[str, Any]:
    """Read a model's YAML configuration."""
    config = read_yaml(Path(path))
    if "model" not in config:
        raise ValueError(f"config: {path} has no key 'model'; expected a model configuration")
    return config


def check_weights(model: nn.Module, found: Mapping[str, Tensor], *, path: Path) -> None:
    """Raise ValueError with one line unless weights fit a model exactly."""
    expected = model.state_dict()
    check_parts(expected, found, path)
    used = {name: t for name, t in found.items() if name in expected or not is_ignored(name)}
    misfit = describe_misfit(expected, used, optional={*SCHEDULE_NAMES, *unread(model)})
    if not misfit:
        return
    described, held = (read_architecture(weights, path) for weights in (expected, found))
    if str(described) != str(held):
        raise ValueError(f"{path}: holds {held}, but the config describes {described}")
    raise ValueError(f"{path}: does not fit the config; {misfit}")


def _published_config(name: str) -> dict[str, Any]:
    return read_config(ROOT / "configs" / f"{name}.yaml")


def _recognised(stored: Stored) -> Mapping[str, Any]:
    name = recognise_config(stored.tensors, stored.path, metadata=stored.metadata)
    logger.info("%s: recognised as configs/%s.yaml", stored.path, name)
    return _with_params(_published_config(name), **stated_settings(stored.tensors, stored.metadata))


def _with_vae(stored: Stored, config: Mapping[str, Any], path: Path) -> Mapping[str, Any]:
    """Put another autoencoder in the place of a checkpoint's own; returns the new configuration."""
    try:
        vae = read_stored_vae(path)
    except (OSError, ValueError) as error:
        raise ValueError(f"vae: {error}") from error
    logger.info("autoencoder from %s", path)
    others = {name: t for name, t in stored.tensors.items() if not name.startswith(VAE)}
    stored.tensors, stored.mapped = others | vae.tensors, stored.mapped and vae.mapped
    return _with_params(config, **(vae.config or {}))


def _build(config: Mapping[str, Any], place: str) -> "LatentDiffusion":
    """Build a model without memory; what is wrong with its configuration is told with `place`.

    A configuration from anywhere may describe a network that would take for ever to build.
    """
    built = count(1)

    def limit(*_: object) -> None:
        if next(built) > MAX_LAYERS:
            raise ValueError(f"describes more than {MAX_LAYERS} layers")

    watch = register_module_module_registration_hook(limit)
    try:
        timesteps = (config.get("model", config).get("params") or {}).get("timesteps", 0)
        if timesteps > MAX_TIMESTEPS:
            raise ValueError(f"timesteps: got {timesteps}, expected at most {MAX_TIMESTEPS}")
        return build_model(config, device="meta")
    except BAD_CONFIG as error:
        raise ValueError(f"{place}: {error}") from error
    finally:
        watch.remove()


def _with_params(config: Mapping[str, Any], **changes: Any) -> Mapping[str, Any]:
    """Return a configuration with some of the model's parameters changed; None changes nothing."""
    changes = {name: value for name, value in changes.items() if value is not None}
    if changes.get("parameterization", "v") not in PARAMETERIZATIONS:
        raise ValueError(
            f"parameterization: got {changes['parameterization']!r}, "
            f"expected one of {PARAMETERIZATIONS}"
        )
    config = as_plain(config)
    model = config.get("model", config)
    if not changes or not isinstance(model, Mapping):  # which building it refuses
        return config
    return {"model": {**model, "params": {**(model.get("params") or {}), **changes}}}


def _assign(
    model: nn.Module, stored: Stored, *, dtype: torch.dtype, exact: tuple[str, ...]
) -> None:
    """Move a checkpoint's weights into `model`, emptying the mapping as it goes."""
    state = {}
    for name, own in model.state_dict().items():
        tensor = stored.tensors.pop(name, None)
        wanted = torch.float32 if name.startswith(exact) else dtype
        if name in SCHEDULE_NAMES:
            is_exact = tensor is not None and tensor.dtype in (torch.float32, torch.float64)
            state[name] = tensor.float() if is_exact else own
        elif tensor is None:
            state[name] = torch.zeros(own.shape, dtype=wanted)
        else:
            state[name] = tensor.to(wanted)
            if stored.mapped and state[name] is not tensor:
                drop_pages(tensor)
    model.load_state_dict(state, assign=True)
