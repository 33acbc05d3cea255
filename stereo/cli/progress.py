"""Progress bars of a workflow: stage, step, time left."""

import logging
import sys
import time
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stereo.method.run import StepReport

STAGES = {
    "left": "left view",
    "right": "right view",
    "pair": "both views",
    "invert": "inversion",
    "null-text": "null-text",
}
# Where there is no terminal, as under nohup, a line of the log so often.
LINE_SECONDS = 30

log = logging.getLogger(__name__)


class ProgressBar(AbstractContextManager["ProgressBar"]):
    """An `on_step` hook that draws one bar per stage: on a terminal, or `always` (notebooks).

    Elsewhere it logs a line now and then.
    """

    def __init__(self, title: str = "", *, always: bool = False) -> None:
        self._title = title
        self._disable = False if always else None  # None lets tqdm look for a terminal
        self._leave = always  # notebooks keep one line a stage
        self._bar: Any = None
        self._stage, self._last_line = "", time.monotonic()

    def __exit__(self, *error: Any) -> None:
        self.close()

    def close(self) -> None:
        """Take the bar off the terminal."""
        if self._bar is not None:
            self._bar.close()
        self._bar, self._stage = None, ""

    def __call__(self, report: "StepReport") -> None:
        """Show a finished step; a new stage starts a new bar."""
        words = f"{self._title} {STAGES.get(report.stage, report.stage)}".strip()
        if report.stage != self._stage:
            self._start(report, words)
        self._bar.update(report.step + 1 - self._bar.n)
        if self._bar.disable and time.monotonic() - self._last_line >= LINE_SECONDS:
            self._last_line = time.monotonic()
            log.info("%s: step %d of %d", words, report.step + 1, report.total)

    def _start(self, report: "StepReport", words: str) -> None:
        from tqdm import tqdm

        self.close()
        self._stage = report.stage
        # The right view starts where it leaves the left one; time left counts from there.
        self._bar = tqdm(
            desc=words,
            total=report.total,
            initial=report.step,
            unit="step",
            leave=self._leave,
            dynamic_ncols=True,
            file=sys.stderr,
            disable=self._disable,
        )
