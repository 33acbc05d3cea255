"""MEt3R and iSQoE by stand-ins of the same interface: sizes, ranges, eye orders, errors."""

import sys
from pathlib import Path

import numpy as np
import pytest

from stereo.evaluation.pair_metrics import load_pair_metrics
from tests.stereo.evaluation.conftest import CONFIG, QUICK, Evaluate, rows

MET3R = """
class MEt3R:
    def __init__(self, img_size):
        self.img_size = img_size

    def __call__(self, images):
        assert images.shape == (1, 2, 3, self.img_size, self.img_size)
        assert images.min() == -1 and images.max() <= 1
        return (images[:, 0] - images[:, 1]).mean((1, 2, 3)), "mask"
"""
ISQOE = """
def load():
    def score(left, right):
        assert left.shape == right.shape == (1, 3, 720, 1280) and 0 <= left.min() <= left.max() <= 1
        return left.mean() - right.mean() / 2
    return score
"""
DARK, BRIGHT = np.zeros((90, 160, 3), np.uint8), np.full((90, 160, 3), 102, np.uint8)


@pytest.fixture
def code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "met3r").mkdir()
    (tmp_path / "met3r" / "__init__.py").write_text(MET3R)
    (tmp_path / "isqoe.py").write_text(ISQOE)
    monkeypatch.delitem(sys.modules, "met3r", raising=False)
    return tmp_path


def test_met3r_gets_both_views_in_its_range_and_size(code: Path) -> None:
    (metric,) = load_pair_metrics([f"met3r={code}"])
    assert metric.scores(DARK, BRIGHT) == {"met3r": pytest.approx(-0.8)}
    assert str(code) not in sys.path


def test_isqoe_scores_both_eye_orders(code: Path) -> None:
    (metric,) = load_pair_metrics([f"isqoe={code / 'isqoe.py'}"])
    scores = metric.scores(DARK, BRIGHT)
    assert scores == {"isqoe": pytest.approx(-0.2), "isqoe_swapped": pytest.approx(0.4)}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("psnr=x", "pair_metric: got 'psnr=x', expected met3r=PATH or isqoe=PATH"),
        ("met3r=", "expected met3r=PATH"),
        ("met3r=nowhere", "pair_metric: nowhere does not exist"),
        ("isqoe={code}/met3r/__init__.py", "cannot be used as isqoe"),
        ("isqoe={code}", "cannot be used as isqoe: expected a Python file"),
        ("met3r={code}/met3r", "cannot be used as met3r"),
    ],
)
def test_other_code_is_refused_in_one_line(code: Path, given: str, message: str) -> None:
    with pytest.raises((ValueError, OSError), match=message):
        load_pair_metrics([given.format(code=code)])


def test_columns_appear_in_a_run(
    code: Path, finished: Path, evaluate: Evaluate, middlebury: Path
) -> None:
    assert "iSQoE" not in (finished / "table.md").read_text()
    words = ("--config", CONFIG, "--data", middlebury, "--out", finished, *QUICK)
    outcome = evaluate(*words, "--pair_metric", f"isqoe={code / 'isqoe.py'}")
    assert outcome.code == 0 and "not installed" not in outcome.err
    assert "| iSQoE | iSQoE, eyes swapped |" in (finished / "table.md").read_text()
    assert all(float(row["isqoe"]) and float(row["isqoe_swapped"]) for row in rows(finished))
    assert "iSQoE: not installed" in evaluate(*words).err
    wrong = evaluate(*words, "--pair_metric", "isqoe=nowhere.py")
    assert wrong.code == 2 and wrong.err.endswith("pair_metric: nowhere.py does not exist\n")
