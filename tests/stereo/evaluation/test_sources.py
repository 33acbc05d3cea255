"""Every source of disparity, alone and in a whole run on a tiny scene."""

import json
from pathlib import Path

import numpy as np
import pytest

from stereo.evaluation import sources
from stereo.evaluation.datasets.scene import Scene
from stereo.evaluation.sources import disparity_for, search_scale
from tests.stereo.evaluation.conftest import CONFIG, Evaluate, views


def scene(shift: int) -> Scene:
    left, right = views(3, shift=shift)
    return Scene("s", left, right)


def test_pseudo_disparity_is_that_of_the_pair() -> None:
    found = disparity_for(scene(8), "pseudo")
    assert np.isfinite(found).all() and np.median(found) == 8


def test_searched_scale_fits_the_real_pair() -> None:
    near = np.ones((72, 96), np.float32)
    near[0, 0] = 0
    found = search_scale(scene(12), near) * 0.25 * 96
    assert found == pytest.approx(12, rel=0.05)


def test_sources_say_what_is_missing() -> None:
    left, _ = views(0)
    alone = Scene("x", left)
    with pytest.raises(ValueError, match="scene x has no truth; use --disparity pseudo"):
        disparity_for(alone, "true")
    with pytest.raises(ValueError, match="scene x has no right view, 'pseudo' needs one"):
        disparity_for(alone, "pseudo")
    with pytest.raises(ValueError, match="needs a monocular model"):
        disparity_for(alone, "mono")
    ramp = np.tile(np.arange(96.0), (72, 1))
    found = disparity_for(alone, "mono", lambda image: ramp)
    assert found.max() == pytest.approx(0.08 * 96) and found.min() == 0


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
