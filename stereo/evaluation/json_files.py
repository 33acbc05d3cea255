"""JSON files of a run, which people may have changed: each is read with the shape it must have."""

import json
from pathlib import Path
from typing import Any

from ldm.files import write_text

NOTHING = type(None)
NUMBER = (int, float, NOTHING)


def read_json(path: Path, shape: dict[Any, Any]) -> dict[str, Any]:
    """Read a JSON object that has at least the keys and types of `shape` (see `has_shape`).

    Raises:
        ValueError: when it is damaged or of another shape.
        OSError: when it cannot be read.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"out: {path} is no JSON file; delete it and run again") from error
    if not has_shape(content, shape):
        raise ValueError(
            f"out: {path} does not hold what evaluate.py writes there; delete it and run again"
        )
    return content


def write_json(path: Path, content: Any) -> None:
    """Write JSON whose bytes depend on the content alone."""
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False, sort_keys=True) + "\n")


def has_shape(value: Any, shape: Any) -> bool:
    """Tell whether a JSON value has the types that `shape` shows.

    A shape is a type or a tuple of types, `[shape]` for a list, `{"key": shape}` for an object
    with these keys and perhaps others, or `{str: shape}` for one with any keys.
    """
    if isinstance(shape, list):
        return isinstance(value, list) and all(has_shape(item, shape[0]) for item in value)
    if not isinstance(shape, dict):
        return isinstance(value, shape)
    if not isinstance(value, dict):
        return False
    if str in shape:
        return all(has_shape(item, shape[str]) for item in value.values())
    return all(key in value and has_shape(value[key], part) for key, part in shape.items())
