"""Every notebook runs from top to bottom on the embedded model; four are stored with outputs."""

import json
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from stereo.formats import FORMATS
from tests.scripts.conftest import ROOT

NOTEBOOKS = sorted([*ROOT.glob("*.ipynb"), *(ROOT / "notebooks").glob("*.ipynb")])
# Read on the web; the others show what lies on this machine.
TUTORIALS = ("txt2stereoimg", "depth2stereoimg", "img2stereo", "metrics")
MOST_BYTES = 500_000


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_stored_outputs(path: Path) -> None:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    counts = [cell["execution_count"] for cell in code]
    outputs = [out for cell in code for out in cell["outputs"]]
    if path.stem not in TUTORIALS:
        assert code and outputs == [] and set(counts) == {None}
        return
    assert path.stat().st_size < MOST_BYTES
    assert counts == list(range(1, len(code) + 1)), "run from top to bottom"
    assert all(out["output_type"] != "error" for out in outputs)
    assert count_pictures([outputs]) >= 4


def run_notebook(path: Path, **replacements: str) -> list[list]:
    """Run a notebook with texts of its code replaced; returns the outputs of its code cells."""
    notebook = nbformat.read(path, as_version=4)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for old, new in replacements.items():
        assert any(old in cell.source for cell in cells), old
        for cell in cells:
            cell.source = cell.source.replace(old, new)
    resources = {"metadata": {"path": str(path.parent)}}
    NotebookClient(notebook, timeout=300, resources=resources).execute()
    return [cell.outputs for cell in cells]


def count_pictures(outputs: list[list]) -> int:
    kinds = [set(out.get("data", {})) for cell in outputs for out in cell]
    return sum(bool(kind & {"image/png", "image/jpeg", "image/gif"}) for kind in kinds)


def test_text_workflow(tmp_path: Path) -> None:
    quick = {'"--steps", "50"': f'"--steps", "10", "--outdir", {str(tmp_path)!r}'}
    outputs = run_notebook(ROOT / "txt2stereoimg.ipynb", **quick)
    assert outputs[-1][-1]["data"]["text/plain"] == "True"
    assert (tmp_path / "00000_LRF.png").is_file()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "quick"),
    [
        ("depth2stereoimg", {"STEPS = 50": "STEPS = 10"}),
        ("img2stereo", {"STEPS = 50": "STEPS = 10", "inner_steps=2": "inner_steps=1"}),
        ("metrics", {"STEPS = 20": "STEPS = 5"}),
    ],
)
def test_tutorials(tmp_path: Path, name: str, quick: dict[str, str]) -> None:
    if name == "img2stereo":
        quick = {**quick, '"outputs/img2stereo"': repr(str(tmp_path))}
    assert count_pictures(run_notebook(ROOT / "notebooks" / f"{name}.ipynb", **quick)) >= 4


def test_formats(tmp_path: Path) -> None:
    path = ROOT / "notebooks" / "formats.ipynb"
    outputs = run_notebook(path, **{'"outputs/formats"': repr(str(tmp_path))})
    assert count_pictures(outputs) == 2
    assert len(list(tmp_path.iterdir())) == len(FORMATS) + 1
