"""Strict reading of YAML into dataclasses, through OmegaConf's structured configurations."""

import reprlib
from collections.abc import Mapping
from dataclasses import MISSING, Field, field, fields, is_dataclass
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

Schema = TypeVar("Schema")

EXPECTED = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "text",
    list: "a list",
    dict: "keys and values",
}


def number(default: Any = MISSING, *, low: float, high: float) -> Any:
    """Declare a dataclass field whose values lie in [`low`, `high`]."""
    return field(default=default, metadata={"range": (low, high)})


def build(schema: type[Schema], values: Any, *, place: str = "") -> Schema:
    """Build a dataclass, and those inside it, from the keys and values of a YAML file.

    Args:
        schema: the dataclass; `number` gives the range of a field.
        values: keys and values, as `ldm.util.read_yaml` returns them.
        place: name of the section, for errors.

    Raises:
        ValueError: a key is unknown or missing, or a value is of another kind or out of range.
    """
    from omegaconf import OmegaConf
    from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException

    if not isinstance(values, Mapping):
        raise ValueError(_mismatch(place or "configuration", values, EXPECTED[dict]))
    known, kinds = {entry.name: entry for entry in fields(schema)}, get_type_hints(schema)
    structured = OmegaConf.structured(schema)
    OmegaConf.set_readonly(structured, False)  # as a frozen dataclass is
    before = f"{place}, " if place else ""
    for key, value in values.items():
        if key not in known:
            expected = f"expected some of {sorted(known)}"
            raise ValueError(f"{place or 'configuration'}: unknown key {key!r}, {expected}")
        if value is None and is_dataclass(kinds[key]):
            continue  # a section without content has its defaults
        value = _nested(kinds[key], value, place=f"{before}{key}")
        try:
            OmegaConf.update(structured, key, value, merge=False)
        except (OmegaConfBaseException, TypeError, ValueError) as error:
            expected = _expected(known[key], kinds[key])
            raise ValueError(_mismatch(f"{before}{key}", value, expected)) from error
        low, high = known[key].metadata.get("range", (None, None))
        if low is not None and not low <= structured[key] <= high:
            expected = _expected(known[key], kinds[key])
            raise ValueError(_mismatch(f"{before}{key}", value, expected))
    try:
        return OmegaConf.to_object(structured)
    except MissingMandatoryValue as error:
        raise ValueError(f"{place or 'configuration'}: missing key {error.key!r}") from error
    except OmegaConfBaseException as error:
        raise ValueError(f"{place or 'configuration'}: {str(error).splitlines()[0]}") from error


def _nested(kind: Any, value: Any, *, place: str) -> Any:
    """Build the dataclasses inside a value."""
    if is_dataclass(kind):
        return build(kind, value, place=place)
    if get_origin(kind) is list and is_dataclass(get_args(kind)[0]) and isinstance(value, list):
        (kind,) = get_args(kind)
        return [build(kind, item, place=f"{place}[{k}]") for k, item in enumerate(value)]
    return value


def _expected(entry: Field[Any], kind: Any) -> str:
    if get_origin(kind) in EXPECTED:
        item = EXPECTED.get(get_args(kind)[-1])
        return EXPECTED[get_origin(kind)] + (f", each {item}" if item else "")
    plain = next(part for part in (*get_args(kind), kind) if part is not type(None))
    text = EXPECTED.get(plain, str(plain))
    if "range" in entry.metadata:
        low, high = entry.metadata["range"]
        text += f" from {low:g} to {high:g}"
    return text


def _mismatch(place: str, value: Any, expected: str) -> str:
    return f"{place}: got {reprlib.repr(value)}, expected {expected}"
