"""A progress bar for the stages of a workflow: stage, step, time left."""

import sys
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stereo.sampler import StepReport

STAGES = {
    "left": "left view",
    "right": "right view",
    "pair": "both views",
    "invert": "inversion",
    "null-text": "null-text",
}


class ProgressBar:
    """An `on_step` hook that draws one bar per stage: on a terminal, or `always` (notebooks)."""

    def __init__(self, title: str = "", *, always: bool = False) -> None:
        self._title = title
        self._disable = False if always else None  # None lets tqdm look for a terminal
        self._stage: str | None = None
        self._bar = None

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

    def close(self) -> None:
        """Take the bar off the terminal."""
        if self._bar is not None:
            self._bar.close()
        self._bar, self._stage = None, None

    def _start(self, report: "StepReport") -> None:
        from tqdm import tqdm

        self.close()
        self._stage = report.stage
        words = (self._title, STAGES.get(report.stage, report.stage))
        self._bar = tqdm(
            desc=" ".join(word for word in words if word),
            total=report.total,
            # The right view starts where it leaves the left one; time left counts from there.
            initial=report.step,
            unit="step",
            leave=False,
            dynamic_ncols=True,
            file=sys.stderr,
            disable=self._disable,
        )
