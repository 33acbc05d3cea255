"""JSON files of any content are read as what they must be, or refused in one line."""

from pathlib import Path
from typing import Any

import pytest

from stereo.evaluation.json_files import NUMBER, has_shape, read_json

# Valid JSON of another shape, and no JSON at all.
STRANGE = ("null", "[]", "3", '"text"', "[" * 100_000, '{"a":' * 100_000, "{", "", "\xff")


@pytest.mark.parametrize(
    ("value", "shape", "fits"),
    [
        ({"a": 1, "b": None}, {"a": int}, True),
        ({"b": 1}, {"a": int}, False),
        ({"a": "1"}, {"a": int}, False),
        ([], {}, False),
        (None, {}, False),
        ({"a": [{"b": "x"}]}, {"a": [{"b": str}]}, True),
        ({"a": [{"b": "x"}, {}]}, {"a": [{"b": str}]}, False),
        ({"a": {"b": "x"}}, {"a": [{"b": str}]}, False),
        ({"a": 1, "b": None, "c": 0.5}, {str: NUMBER}, True),
        ({"a": 1, "b": [1]}, {str: NUMBER}, False),
    ],
)
def test_shapes(value: Any, shape: Any, fits: bool) -> None:
    assert has_shape(value, shape) is fits


@pytest.mark.parametrize("content", STRANGE, ids=lambda text: text[:6])
def test_strange_files_are_named_in_one_line(tmp_path: Path, content: str) -> None:
    path = tmp_path / "a.json"
    path.write_text(content, encoding="latin-1")
    with pytest.raises(ValueError, match="a.json .* delete it and run again") as caught:
        read_json(path, {"a": str})
    assert "\n" not in str(caught.value)
