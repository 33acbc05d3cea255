"""Every source of disparity in a whole run on a tiny scene, with the embedded depth network."""

import json
from pathlib import Path

import numpy as np
import pytest

from stereo.evaluation import sources
from tests.stereo.evaluation.conftest import CONFIG, Evaluate


@pytest.mark.parametrize(
    ("source", "stated"),
    [
        ("true", "ground truth, gaps filled along rows"),
        ("pseudo", "SGBM on the real pair"),
        ("mono", "monocular model, nearest point at 8 % of the width"),
        ("search", "monocular model, scale per scene by SGBM against the real pair"),
    ],
)
def test_a_run_by_every_source(
    evaluate: Evaluate,
    middlebury: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    source: str,
    stated: str,
) -> None:
    monkeypatch.setattr(sources, "COARSE", 4)
    monkeypatch.setattr(sources, "FINE", 1)
    out = tmp_path / "run"
    told = ("--config", CONFIG, "--data", middlebury, "--out", out, "--size", "64", "--limit", "1")
    outcome = evaluate(*told, "--disparity", source, "--methods", "telea", "--no_sheets")
    assert outcome.code == 0, outcome.err
    for name in ("table.md", "table.tex"):
        said = stated.replace("%", r"\%") if name.endswith("tex") else stated
        assert f"Disparity: {said}" in (out / name).read_text()
    place = out / "scenes" / "Bike-perfect"
    given = np.load(place / "disparity.npy")
    notes = json.loads((place / "scene.json").read_text())
    assert notes["disparity"] == source and np.isfinite(given).all()
    assert notes["disparity_max_px"] == pytest.approx(float(given.max()), abs=1e-4)
    # The wall is 6 px of 96 away; a monocular map knows no more than its own scale.
    expected = {"true": 4.0, "pseudo": 4.0, "mono": None, "search": None}[source]
    if expected is not None:
        assert np.median(given) == pytest.approx(expected, abs=0.1)
    else:
        assert 0 <= given.min() and 0 < given.max() <= 0.25 * 64 + 1e-3
    if source == "mono":
        assert given.max() == pytest.approx(0.08 * 64, abs=1e-3)
