"""The notebook shows a run that is there."""

import json
from pathlib import Path
from typing import Any

import IPython.display
import pytest

from tests.stereo.evaluation.conftest import ROOT


def test_notebook_reads_a_run(finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[Any] = []
    monkeypatch.setattr(IPython.display, "display", shown.append)
    monkeypatch.setenv("METRICS_RUN", str(finished))
    monkeypatch.chdir(ROOT)
    stored = json.loads((ROOT / "notebooks" / "reproduce_metrics.ipynb").read_text())
    code = ["".join(cell["source"]) for cell in stored["cells"] if cell["cell_type"] == "code"]
    scope: dict[str, Any] = {}
    for source in code:
        exec(compile(source, "reproduce_metrics.ipynb", "exec"), scope)
    texts = [item.data for item in shown if isinstance(item, IPython.display.Markdown)]
    assert texts[0] == (finished / "table.md").read_text()
    assert "| Bike-perfect |" in texts[2]
    pictures = [item for item in shown if isinstance(item, IPython.display.Image)]
    assert len(pictures) == 2
