"""A whole run from data to tables, alone and in two parts."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ldm.files import is_partial
from stereo.evaluation.json_files import read_json
from tests.stereo.evaluation.conftest import (
    CONFIG,
    QUICK,
    Evaluate,
    rows,
    tables,
)


def test_whole_run(finished: Path) -> None:
    found = {(row["scene"], row["method"]): row for row in rows(finished)}
    assert len(found) == 4 and {row["status"] for row in found.values()} == {"scored"}
    copy, telea = (found["Bike-perfect", method] for method in ("copy-left", "telea"))
    assert float(telea["psnr_visible"]) > float(copy["psnr_visible"]) + 10
    assert float(telea["epe_visible"]) < 1 < float(copy["epe_visible"])
    table = (finished / "table.md").read_text()
    assert "StereoDiffusion (SD 1.5) (published) | - | 15.46 | 0.468" in table
    assert "Disparity: ground truth" in table and "Gaussian 11x11" in table
    assert r"\bottomrule" in (finished / "table.tex").read_text()
    summary = json.loads((finished / "summary.json").read_text())
    assert summary["settings"]["size_px"] == 64 and len(summary["git_commit"]) >= 7
    (mean,) = (m for m in summary["means"] if m["method"] == "telea")
    expected = np.mean(
        [float(found[s, "telea"]["psnr"]) for s in ("Bike-perfect", "Chair-perfect")]
    )
    assert mean["metrics"]["psnr"] == pytest.approx(expected, abs=1e-5)
    assert mean["counts"]["psnr"] == mean["scenes"] == 2
    with Image.open(finished / "sheets" / "telea" / "Bike-perfect.png") as sheet:
        assert sheet.size[0] == 8 * 64
    assert not [path for path in finished.rglob("*") if is_partial(path)]
    (commit,) = {
        read_json(path, {})["git_commit"] for path in (finished / "views").rglob("*t.json")
    }
    assert summary["git_commit"] == commit


def test_two_shards_make_the_same_tables(
    evaluate: Evaluate, finished: Path, middlebury: Path, tmp_path: Path
) -> None:
    out = tmp_path / "shared"
    told = ("--config", CONFIG, "--data", middlebury, "--out", out, *QUICK)
    for shard in ("2/2", "1/2"):
        outcome = evaluate(*told, "--shard", shard)
        assert outcome.code == 0 and not (out / "table.md").exists()
    assert evaluate("report", "--out", out).code == 0
    assert tables(out) == tables(finished)
