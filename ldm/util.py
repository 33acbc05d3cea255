"""Building objects from the `target` / `params` configuration that people's YAML files hold."""

import functools
import importlib
import inspect
from collections.abc import Callable, Mapping
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
        return constructor(**params)
    except TypeError as error:
        # An unknown or missing key, or a value of the wrong kind.
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


def get_obj_from_str(string: str, reload: bool = False) -> type:
    """Return the class of a dotted name, as `find_class` does, under its published name."""
    return find_class(string)


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


def published_keys(*ignored: str, **required: object) -> Callable[[Callable], Callable]:
    """Let a function take published keyword arguments for which it has no parameter.

    Args:
        *ignored: keys that change nothing here.
        **required: keys of which only one value is supported, and that value.
    """

    def decorate(function: Callable) -> Callable:
        @functools.wraps(function)
        def accepting(*args: Any, **params: Any) -> Any:
            for name in ignored:
                params.pop(name, None)
            for name, expected in required.items():
                require(name, params.pop(name, expected), expected)
            return function(*args, **params)

        return accepting

    return decorate


def require(name: str, value: object, expected: object) -> None:
    """Raise ValueError for a published option that is set to an unsupported value."""
    if value != expected:
        raise ValueError(
            f"{name}: got {value!r}, expected {expected!r} (no other value is supported)"
        )
