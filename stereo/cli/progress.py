"""A progress bar for the stages of a workflow: stage, step, time left."""

import logging
import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING

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


class ProgressBar:
    """An `on_step` hook that draws one bar per stage: on a terminal, or `always` (notebooks).

    Elsewhere it logs a line now and then.
    """

    def __init__(self, title: str = "", *, always: bool = False) -> None:
        self._title = title
        self._disable = False if always else None  # None lets tqdm look for a terminal
        self._stage: str | None = None
        self._bar = None
        self._told = time.monotonic()

    def __enter__(self) -> "ProgressBar":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __call__(self, report: "StepReport") -> None:
        """Show a finished step; a new stage starts a new bar."""
        if report.stage != self._stage:
            self._start(report)
        self._bar.update(report.step + 1 - self._bar.n)
        if self._bar.disable and time.monotonic() - self._told >= LINE_SECONDS:
            self._told = time.monotonic()
            log.info("%s: step %d of %d", self._words(report), report.step + 1, report.total)

    def close(self) -> None:
        """Take the bar off the terminal."""
        if self._bar is not None:
            self._bar.close()
        self._bar, self._stage = None, None

    def _start(self, report: "StepReport") -> None:
        from tqdm import tqdm

        self.close()
        self._stage = report.stage
        self._bar = tqdm(
            desc=self._words(report),
            total=report.total,
            # The right view starts where it leaves the left one; time left counts from there.
            initial=report.step,
            unit="step",
            leave=False,
            dynamic_ncols=True,
            file=sys.stderr,
            disable=self._disable,
        )

    def _words(self, report: "StepReport") -> str:
        return f"{self._title} {STAGES.get(report.stage, report.stage)}".strip()
