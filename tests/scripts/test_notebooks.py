"""Every notebook runs from top to bottom on the embedded model, and is stored without outputs."""

import json
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from stereo.formats import FORMATS
from tests.scripts.conftest import ROOT

NOTEBOOKS = sorted([*ROOT.glob("*.ipynb"), *(ROOT / "notebooks").glob("*.ipynb")])


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_stored_without_outputs(path: Path) -> None:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert code and all(cell["outputs"] == [] for cell in code)
    assert all(cell["execution_count"] is None for cell in code)


def run_notebook(path: Path, old: str, new: str) -> list[list]:
    """Run a notebook with `old` replaced in its code; returns the outputs of its code cells."""
    notebook = nbformat.read(path, as_version=4)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    (options,) = (cell for cell in cells if old in cell.source)
    options.source = options.source.replace(old, new)
    resources = {"metadata": {"path": str(path.parent)}}
    NotebookClient(notebook, timeout=300, resources=resources).execute()
    return [cell.outputs for cell in cells]


def count_pictures(outputs: list[list]) -> int:
    kinds = [set(out.get("data", {})) for cell in outputs for out in cell]
    return sum(bool(kind & {"image/png", "image/gif"}) for kind in kinds)


def test_text_workflow(tmp_path: Path) -> None:
    quick = f'"--steps", "10", "--outdir", {str(tmp_path)!r}'
    outputs = run_notebook(ROOT / "txt2stereoimg.ipynb", '"--steps", "50"', quick)
    assert outputs[-1][-1]["data"]["text/plain"] == "True"
    assert count_pictures(outputs) == 3
    assert (tmp_path / "00000_LRF.png").is_file()


def test_formats(tmp_path: Path) -> None:
    path = ROOT / "notebooks" / "formats.ipynb"
    outputs = run_notebook(path, '"outputs/formats"', repr(str(tmp_path)))
    assert count_pictures(outputs) == 2
    assert len(list(tmp_path.iterdir())) == len(FORMATS) + 1
