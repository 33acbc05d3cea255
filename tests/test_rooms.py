"""Imports go in one direction: each room may use only those before it in the list."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# What stands in one line may not use each other.
ORDER = """
stereo.camera
dpt | stereo.options stereo.pair stereo.noise
stereo.images stereo.fit
ldm
stereo.runtime
stereo.method
stereo.depth
stereo.pixels
stereo
stereo.formats
stereo.comfort
stereo.cli
shapes
stereo.evaluation
stereo.benchmark stereo.app stereo.info stereo.fetch stereo.console shapes.report
"""
RANKS = {
    room: rank
    for rank, line in enumerate(ORDER.split("\n"))
    for room in line.replace("|", " ").split()
}
ROOMS = sorted(RANKS, key=len, reverse=True)
FILES = [path for top in ("dpt", "ldm", "stereo", "shapes") for path in (ROOT / top).rglob("*.py")]


def room_of(module: str) -> str:
    """Return the room that a module's dotted name lies in."""
    return next(room for room in ROOMS if f"{module}.".startswith(f"{room}."))


def imports(path: Path) -> list[str]:
    """Return every module of ours that a file imports, wherever the import stands."""
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found += [f"{node.module}.{alias.name}" for alias in node.names]
    return [name for name in found if name.split(".")[0] in ("dpt", "ldm", "stereo", "shapes")]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_go_in_one_direction(path: Path) -> None:
    room = room_of(".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"))
    for module in imports(path):
        other = room_of(module)
        assert other == room or RANKS[other] < RANKS[room], f"{room} imports {module}"
