"""Building objects from the `target` / `params` configuration that people's YAML files hold."""

import importlib
import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ALLOWED_PREFIXES = ("ldm.", "dpt.", "torch.nn.")
# Modules as the embedded weights and files trained like them name them, and where they are now.
MOVED = {"ldm.training.networks": "ldm.modules.narrow"}


def instantiate_from_config(config: Mapping[str, Any]) -> Any:
    """Build `config["target"]` with the keyword arguments `config["params"]`.

    Only classes that live in this repository or in `torch.nn` can be named.

    Raises:
        ValueError: `target` is missing or not allowed, or `params` do not fit its constructor.
    """
    config = as_plain(config)
    if not isinstance(config, Mapping) or "target" not in config:
        raise ValueError(f"config: got {config!r}, expected a mapping with the key 'target'")
    target = config["target"]
    params = config.get("params") or {}
    constructor = find_class(target)
    try:
        inspect.signature(constructor).bind(**params)
    except TypeError as error:
        raise ValueError(f"params of {target}: {error}") from error
    try:
        return constructor(**params)
    except TypeError as error:
        # A value of the wrong kind, as a text where a number is wanted.
        raise ValueError(f"params of {target}: {error}") from error


def find_class(target: str) -> type:
    """Return the class with the dotted name `target`; ValueError unless it is an allowed one."""
    if not isinstance(target, str) or not target.startswith(ALLOWED_PREFIXES):
        raise ValueError(f"target: got {target!r}, expected a class below {ALLOWED_PREFIXES}")
    module_name, _, class_name = target.rpartition(".")
    module_name = MOVED.get(module_name, module_name)
    try:
        found = getattr(importlib.import_module(module_name), class_name)
    except (ModuleNotFoundError, AttributeError) as error:
        raise ValueError(f"target: {target!r} does not exist ({error})") from error
    # A class that an allowed module merely imported is somebody else's.
    if not inspect.isclass(found) or not found.__module__.startswith(ALLOWED_PREFIXES):
        raise ValueError(f"target: {target!r} is not a class below {ALLOWED_PREFIXES}")
    return found


def as_plain(config: Any) -> Any:
    """Return an OmegaConf node as plain dicts and lists; anything else as it is."""
    if not type(config).__module__.startswith("omegaconf"):
        return config
    from omegaconf import OmegaConf

    return OmegaConf.to_container(config, resolve=True)


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML file of keys and values.

    Raises:
        FileNotFoundError: There is none.
        ValueError: It is no YAML, or something else than keys and values.
    """
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException
    from yaml import YAMLError

    if not path.is_file():
        raise FileNotFoundError(f"config: {path} is not there; expected a YAML file")
    try:
        config = OmegaConf.to_container(OmegaConf.load(path), resolve=True)
    except (YAMLError, OmegaConfBaseException, ValueError, OSError, RecursionError) as error:
        raise ValueError(
            f"config: {path} is no YAML file ({' '.join(str(error).split())[:200]})"
        ) from error
    if not isinstance(config, dict):
        raise ValueError(f"config: {path} holds no keys and values")
    return config


def require(name: str, value: object, expected: object) -> None:
    """Refuse a published option whose other settings no published model uses."""
    if value != expected:
        raise ValueError(
            f"{name}: got {value!r}, expected {expected!r} (no other value is supported)"
        )
