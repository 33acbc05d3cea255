"""Dataclass fields as options of the command line: names, types, choices, defaults and help."""

import argparse
from collections.abc import Callable
from dataclasses import Field, fields
from pathlib import Path
from types import UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

from stereo.cli.types import number_or, positive_number, process_count, size_px, whole_number
from stereo.options import PRESETS, StereoOptions, preset

Options = TypeVar("Options")
# What the command line calls a field, where it is not the same; the first is the published name.
FLAGS = {
    "depthmodel_path": ("--depthmodel_path", "--depth_model"),
    "guidance_scale": ("--scale",),
    "scale_percent": ("--scale_factor",),
    "edge_dilation_percent": ("--edge_dilation",),
    "steps": ("--ddim_steps", "--steps"),
    "eta": ("--ddim_eta",),
    "samples": ("--n_samples",),
    "height_px": ("--H",),
    "width_px": ("--W",),
    "from_file": ("--from-file", "--from_file"),
    "skip_existing": ("--skip-existing", "--skip_existing"),
    "verbose": ("-v", "--verbose"),
}
METAVARS = {"percent": "PERCENT", "px": "PX", "cm": "CM", int: "N", float: "X", Path: "PATH"}
TYPES = {"height_px": size_px, "width_px": size_px}
TYPES |= {"devices": process_count, "max_megapixels": positive_number}


def add_fields(group: Any, kind: type, *names: str, **changes: Any) -> None:
    """Declare options for the named fields of a dataclass, or for all of them.

    Those of `StereoOptions` are None where they are not given, so that the preset decides.

    Args:
        group: of the parser, or the parser.
        kind: the dataclass.
        *names: of its fields.
        **changes: keyword arguments of `add_argument` in place of the fields' own.
    """
    for field in fields(kind):
        if names and field.name not in names:
            continue
        keywords = {"help": field.metadata["help"], "default": field.default, **_parsing(field)}
        low, high = field.metadata["low"], field.metadata["high"]
        if None not in (low, high):
            keywords["help"] += f", {_plain(low)} to {_plain(high)}"
        if kind is StereoOptions:
            keywords["help"] += _default_of_presets(field.name)
            keywords["default"] = None
            if field.type is bool:
                keywords["action"] = argparse.BooleanOptionalAction
        flags = FLAGS.get(field.name, (f"--{field.name}",))
        group.add_argument(*flags, dest=field.name, **{**keywords, **changes})


def options_of(kind: type[Options], args: argparse.Namespace, **changes: Any) -> Options:
    """Make an options dataclass of the options that were declared, and of `changes`.

    Raises:
        ValueError: for values out of range, naming the option as it is typed.
    """
    values = {f.name: getattr(args, f.name) for f in fields(kind) if hasattr(args, f.name)}
    values |= changes
    try:
        return preset(values.pop("preset"), **values) if "preset" in values else kind(**values)
    except ValueError as error:
        name, colon, rest = str(error).partition(":")
        raise ValueError(f"{typed(name)}{colon}{rest}") from error


def typed(name: str) -> str:
    """Return a field's name as it is typed, without dashes."""
    return FLAGS.get(name, (name,))[0].lstrip("-")


def _parsing(field: Field) -> dict[str, Any]:
    is_union = get_origin(field.type) in (Union, UnionType)
    kinds = get_args(field.type) if is_union else (field.type,)
    words = tuple(word for kind in kinds if get_origin(kind) is Literal for word in get_args(kind))
    if bool in kinds:
        return {"action": "store_true"}
    kind = next((kind for kind in (int, float, Path, str) if kind in kinds), None)
    if kind is None:
        return {"choices": words}
    unit = METAVARS.get(field.name.rpartition("_")[2], METAVARS.get(kind, "TEXT"))
    return {"type": _parser(field, kind, words), "metavar": unit}


def _parser(field: Field, kind: type, words: tuple[str, ...]) -> Callable[[str], Any]:
    if field.name in TYPES:
        return TYPES[field.name]
    if kind is int and field.metadata["low"] == 1:
        return whole_number
    return number_or(*words) if words else kind


def _plain(number: float) -> float:
    return int(number) if number == int(number) else number


def _default_of_presets(name: str) -> str:
    presets: dict[str, list[str]] = {}
    for key, options in PRESETS.items():
        value = getattr(options, name)
        value = round(value, 2) if isinstance(value, float) else value
        word = {True: "on", False: "off"}[value] if isinstance(value, bool) else str(value)
        presets.setdefault(word, []).append(key)
    words = [f"{word} for {' and '.join(keys)}" for word, keys in presets.items()]
    return f" (default: {', '.join(words) if len(presets) > 1 else next(iter(presets))})"
