"""Known pictures score as they should."""

from pathlib import Path

import numpy as np
import pytest
import torch

from shapes.report import prompt_figures
from shapes.report.asks import Ask, single_asks
from shapes.report.bench import Bench, Settings
from shapes.report.generate import Sampling
from shapes.report.judge import GRID, SHAPE_NAMES
from tests.shapes.report.pictures import SIDE, picture


class SquareJudge(torch.nn.Module):
    """Takes the middle half of every picture for a sphere."""

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        logits = torch.zeros(len(pictures), 1 + len(SHAPE_NAMES), GRID, GRID)
        logits[:, 0] = 9.0
        middle = slice(GRID // 4, 3 * GRID // 4)
        logits[:, 0, middle, middle] = -9.0
        logits[:, 1 + SHAPE_NAMES.index("sphere"), middle, middle] = 9.0
        return logits


def test_random_pictures_score_low(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    def noise(_model: object, texts: list[str], _sampling: Sampling) -> torch.Tensor:
        generator = torch.Generator().manual_seed(1)
        return torch.rand(len(texts), 3, SIDE, SIDE, generator=generator)

    monkeypatch.setattr(prompt_figures, "make_pictures", noise)
    monkeypatch.setattr(prompt_figures, "true_scenes", lambda judge, n, objects: true_pair(objects))
    bench = Bench(Settings(count=20), tmp_path)
    bench.__dict__.update(model=None, judge=SquareJudge(), judge_accuracy=0.5)
    colour, shape, judge = prompt_figures.measure_single(bench)
    assert colour.value <= 0.15 and not colour.is_met
    assert shape.value <= 0.25 and not shape.is_met
    assert not judge.is_met
    (pairs,) = prompt_figures.measure_pairs(bench)
    assert pairs.value <= 0.1 and not pairs.is_met


def true_pair(objects: int) -> tuple[list[Ask], list[prompt_figures.Seen]]:
    """Return one picture that shows what it is asked for."""
    patches = (("red", slice(10, 25)), ("blue", slice(40, 55)))[:objects]
    image, mask = picture(*patches)
    ask = Ask("", ("red", "blue")[:objects], ("sphere", "box")[:objects])
    return [ask], [prompt_figures.Seen(image, mask, "sphere")]


def test_pictures_as_asked_score_high(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    asks = single_asks(12)

    def obedient(_model: object, texts: list[str], _sampling: Sampling) -> torch.Tensor:
        images = [picture((ask.colours[0], slice(16, 48)))[0] for ask in asks[: len(texts)]]
        return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2) / 255

    monkeypatch.setattr(prompt_figures, "make_pictures", obedient)
    monkeypatch.setattr(prompt_figures, "true_scenes", lambda judge, n, objects: true_pair(objects))
    bench = Bench(Settings(count=12), tmp_path)
    bench.__dict__.update(model=None, judge=SquareJudge(), judge_accuracy=0.99)
    colour, shape, judge = prompt_figures.measure_single(bench)
    assert colour.value == 1 and colour.is_met and judge.is_met
    assert shape.value == pytest.approx(2 / 12)  # every sixth prompt asks for a sphere
    assert "0 % under another prompt" in colour.note


def test_true_scenes_ask_for_what_they_show():
    asks, seen = prompt_figures.true_scenes(SquareJudge(), 2, objects=2)
    assert len(asks) == len(seen) == 2
    for ask in asks:
        assert ask.colours[0] != ask.colours[1]
        if " left of " in ask.text:
            assert ask.text.index(ask.colours[0]) < ask.text.index(ask.colours[1])
        if " right of " in ask.text:
            assert ask.text.index(ask.colours[0]) > ask.text.index(ask.colours[1])


def test_depth_correlation_tells_obedience_from_chance():
    rows = torch.arange(8.0)[:, None].expand(8, 8) + torch.arange(8.0) * 0.01
    given = torch.stack([rows, rows.T])
    assert prompt_figures.mean_correlation(given, given**3) == pytest.approx(1)
    assert prompt_figures.mean_correlation(given, given.roll(1, 0)) < 0.3
