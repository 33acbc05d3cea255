"""The progress bar: stage, step and time left on a terminal, nothing in a file."""

import io
import logging
import sys
from types import SimpleNamespace

import pytest

from stereo.cli.progress import STAGES, ProgressBar


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def report(stage: str, step: int, total: int) -> SimpleNamespace:
    return SimpleNamespace(stage=stage, step=step, total=total)


def test_bar_names_stage_step_and_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setattr("tqdm.std.tqdm.monitor_interval", 0)
    with ProgressBar("cat.png") as on_step:
        for step in range(4):
            on_step(report("left", step, 4))
        on_step(report("right", 2, 4))
        on_step._bar.refresh()
        on_step(report("right", 3, 4))
        on_step._bar.refresh()
    shown = screen.getvalue()
    assert "cat.png left view" in shown and "cat.png right view" in shown
    assert "3/4" in shown and "4/4" in shown and "<" in shown


def test_nothing_is_drawn_where_nobody_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    with ProgressBar() as on_step:
        on_step(report("left", 0, 2))
    assert stream.getvalue() == ""


def test_a_log_gets_a_line_now_and_then(monkeypatch, caplog) -> None:
    seconds = iter(range(0, 1000, 10))
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    monkeypatch.setattr("stereo.cli.progress.time.monotonic", lambda: next(seconds))
    with caplog.at_level(logging.INFO, "stereo"), ProgressBar("cat.png") as on_step:
        for step in range(12):
            on_step(report("left", step, 12))
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) >= 2 and lines[0] == "cat.png left view: step 3 of 12"


def test_a_notebook_can_ask_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    with ProgressBar(always=True) as on_step:
        on_step(report("null-text", 0, 2))
    assert STAGES["null-text"] in stream.getvalue()


def test_bar_goes_away_after_an_error() -> None:
    bar = ProgressBar()
    with pytest.raises(KeyboardInterrupt), bar as on_step:
        on_step(report("left", 0, 2))
        raise KeyboardInterrupt
    assert bar._bar is None
