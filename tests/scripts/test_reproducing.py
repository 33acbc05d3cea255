"""docs/reproducing.md: its tables are those of the code.

`python -m tests.scripts.test_reproducing` writes them anew.
"""

import hashlib
from dataclasses import fields

import pytest

from stereo.cli.markdown import markdown_table, replace_section
from stereo.options import DEFAULT_PRESET, PRESETS, StereoOptions
from tests.scripts.conftest import ROOT

PAGE = ROOT / "docs" / "reproducing.md"
WEIGHTS = [
    "models/first_stage_models/shapes.safetensors",
    "models/shapes.safetensors",
    "models/shapes-depth.safetensors",
    "midas_models/shapes-dpt.safetensors",
]


def word(value: object) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return "-" if value is None else str(value)


def presets() -> str:
    names = [f"{name} (default)" if name == DEFAULT_PRESET else name for name in PRESETS]
    rows = [
        [f"`{field.name}`", *(word(getattr(options, field.name)) for options in PRESETS.values())]
        for field in fields(StereoOptions)
        if field.name != "preset"
    ]
    return markdown_table(["option", *names], rows)


def weights() -> str:
    rows = [
        [f"`{name}`", f"`{hashlib.sha256((ROOT / name).read_bytes()).hexdigest()}`"]
        for name in WEIGHTS
    ]
    return markdown_table(["file", "SHA-256"], rows)


TABLES = {"presets": presets, "weights": weights}


@pytest.mark.parametrize("name", TABLES)
def test_table_is_that_of_the_code(name: str) -> None:
    section = PAGE.read_text(encoding="utf-8").partition(f"<!-- {name}:begin -->\n")[2]
    assert section.partition(f"\n<!-- {name}:end -->")[0] == TABLES[name]()


if __name__ == "__main__":
    for table, make in TABLES.items():
        begin, end = (f"<!-- {table}:{mark} -->" for mark in ("begin", "end"))
        replace_section(PAGE, begin, end, f"\n{make()}\n")
