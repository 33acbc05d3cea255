"""YAML into dataclasses: every wrong key and value has one line that names it."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from ldm.schema import build, number


@dataclass(frozen=True)
class Stage:
    start: float
    batch: int = number(low=1, high=64)


@dataclass(frozen=True)
class Run:
    name: str
    stages: list[Stage]
    model: dict[str, Any] = field(default_factory=dict)
    weights: dict[str, float] = field(default_factory=dict)
    first: Stage = Stage(0.0, 4)
    seed: int | None = None
    verbose: bool = False


WHOLE = {"name": "a", "stages": [{"start": 0, "batch": 2}]}


def test_values_get_the_kinds_that_the_fields_have() -> None:
    run = build(Run, {**WHOLE, "weights": {"x": 2}, "model": {"a": {"b": [1, "c"]}}, "first": None})
    assert run == Run(
        "a", [Stage(0.0, 2)], weights={"x": 2.0}, model={"a": {"b": [1, "c"]}}, first=Stage(0.0, 4)
    )
    assert isinstance(run.stages[0].start, float)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"colour": 1}, "configuration: unknown key 'colour'"),
        ({3: 1}, "configuration: unknown key 3"),
        ({"name": [1]}, "name: got [1], expected text"),
        ({"seed": "abc"}, "seed: got 'abc', expected a whole number"),
        ({"seed": 2.5}, "seed: got 2.5, expected a whole number"),
        ({"seed": True}, "seed: got True, expected a whole number"),
        ({"verbose": "perhaps"}, "verbose: got 'perhaps', expected true or false"),
        ({"stages": 3}, "stages: got 3, expected a list"),
        ({"stages": None}, "stages: got None, expected a list"),
        ({"stages": [3]}, "stages[0]: got 3, expected keys and values"),
        ({"stages": [{"start": 0}]}, "stages[0]: missing key 'batch'"),
        (
            {"stages": [{"start": 0, "batch": "many"}]},
            "stages[0], batch: got 'many', expected a whole number from 1 to 64",
        ),
        (
            {"stages": [{"start": 0, "batch": -4}]},
            "stages[0], batch: got -4, expected a whole number from 1 to 64",
        ),
        ({"first": 3}, "first: got 3, expected keys and values"),
        ({"first": {"start": "now", "batch": 1}}, "first, start: got 'now', expected a number"),
        (
            {"weights": {"x": "heavy"}},
            "weights: got {'x': 'heavy'}, expected keys and values, each a number",
        ),
        ({"model": [1]}, "model: got [1], expected keys and values"),
        ({"name": "${other}"}, "configuration: Interpolation key 'other' not found"),
    ],
)
def test_a_wrong_key_or_value_is_named(change: dict, message: str) -> None:
    with pytest.raises(ValueError) as caught:
        build(Run, {**WHOLE, **change})
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_a_missing_key_is_named() -> None:
    with pytest.raises(ValueError, match="missing key 'name'"):
        build(Run, {"stages": []})


def test_huge_values_are_cut_in_messages() -> None:
    with pytest.raises(ValueError) as caught:
        build(Run, {**WHOLE, "seed": "9" * 10_000 + "x"})
    assert len(str(caught.value)) < 200
