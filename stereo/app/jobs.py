"""Jobs: one thread each, in line for a model, telling how far they are, stopped on request."""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from queue import Empty, Queue
from threading import Event, Lock
from typing import TYPE_CHECKING

from stereo.app.preview import PairPreview
from stereo.app.request import Request, with_inputs
from stereo.app.results import Result, Shelves, save_result
from stereo.app.settings import MAX_PICTURES, Limits
from stereo.app.store import Key, Loaded, ModelStore, model_key
from stereo.cli.embedded import input_note
from stereo.cli.job import run
from stereo.cli.progress import STAGES

if TYPE_CHECKING:
    import numpy as np

    from stereo.method.run import StepReport
    from stereo.pair import StereoPair

UPDATE_S = 0.3


class Cancelled(Exception):
    """Raised inside a job that its visitor stopped."""


@dataclass(frozen=True)
class Update:
    """What a visitor sees meanwhile.

    Attributes:
        words: what is being done.
        share: of the present stage that is done, None where nobody knows.
        detail: steps and time left.
        left: address of the left view's preview.
        right: of the right view's.
    """

    words: str
    share: float | None = None
    detail: str = ""
    left: str | None = None
    right: str | None = None


@dataclass(eq=False)
class Job:
    """A running or waiting job, in line for the model `key`.

    Attributes:
        pictures: how many it works on, one after the other.
        left_out: what was wrong with those that it could not use.
        note: what the model makes of the inputs, where that is not all that could be.
    """

    key: Key
    pictures: int = 1
    updates: "Queue[Update]" = field(default_factory=Queue)
    stopped: Event = field(default_factory=Event)
    future: "Future[list[Result]] | None" = None
    left_out: list[str] = field(default_factory=list)
    place: str = ""
    note: str = ""

    def say(self, update: Update) -> None:
        """Tell the visitor, or stop if the visitor said so."""
        if self.stopped.is_set():
            raise Cancelled
        self.updates.put(replace(update, words=self.place + update.words))

    def follow(self) -> Iterator[Update]:
        """Yield the latest update until the job is over; an iterator given up stops it."""
        try:
            while not self.future.done():
                update = self._latest()
                if update is not None:
                    yield update
        finally:
            self.stopped.set()

    def _latest(self) -> Update | None:
        try:
            update = self.updates.get(timeout=UPDATE_S)
            while not self.updates.empty():
                update = self.updates.get_nowait()
            return update
        except Empty:
            return None


class Desk:
    """Takes jobs in: one a visitor, a limited number in all, one at a time for each model."""

    def __init__(self, store: ModelStore, shelves: Shelves, limits: Limits) -> None:
        self.store, self.shelves, self.limits = store, shelves, limits
        self._pool = ThreadPoolExecutor(limits.jobs, thread_name_prefix="job")
        self._lock = Lock()
        self._jobs: dict[str, Job] = {}  # in the order in which they came

    def start(self, visitor: str, requests: Sequence[Request]) -> Job:
        """Start a job, or let it wait in line; its requests differ in their pictures alone.

        Raises:
            ValueError: for a request that makes no sense, a visitor whose job is not over, or
                when too many are waiting.
        """
        if len(requests) > MAX_PICTURES:
            raise ValueError(f"pictures: got {len(requests)}, expected at most {MAX_PICTURES}")
        first = requests[0]
        first.check()
        with self._lock:
            self._jobs = {who: job for who, job in self._jobs.items() if not job.future.done()}
            if visitor in self._jobs:
                raise ValueError("Your earlier job is still running: wait for it, or cancel it.")
            if len(self._jobs) >= self.limits.jobs:
                raise ValueError("Too many people are waiting. Please try again in a few minutes.")
            key = model_key(first.task, first.checkpoint)
            job = self._jobs[visitor] = Job(key, len(requests))
            job.future = self._pool.submit(self._run, job, visitor, requests)
        return job

    def cancel(self, visitor: str) -> bool:
        """Stop a visitor's job after its present step; returns whether there was one."""
        with self._lock:
            job = self._jobs.get(visitor)
        if job is None or job.future.done():
            return False
        job.stopped.set()
        return True

    def leave(self, visitor: str) -> None:
        """Stop a visitor's job and delete the results."""
        self.cancel(visitor)
        self.shelves.clear(visitor)

    def close(self) -> None:
        """Stop all jobs and wait for their present steps."""
        with self._lock:
            for job in self._jobs.values():
                job.stopped.set()
        self._pool.shutdown(cancel_futures=True)

    def _run(self, job: Job, visitor: str, requests: Sequence[Request]) -> list[Result]:
        """Make all pairs of a job; of several pictures those that cannot be used are left out."""
        while ahead := self._ahead(job):
            people = "1 job is" if ahead == 1 else f"{ahead} jobs are"
            job.say(Update(f"Waiting: {people} ahead of yours"))
            job.stopped.wait(UPDATE_S)
        job.say(Update("Loading the model"))
        loaded = self.store.get(requests[0].task, requests[0].checkpoint)
        shelf, results = self.shelves.folder(visitor), []
        for number, request in enumerate(requests, 1):
            job.place = f"Picture {number} of {len(requests)}: " if len(requests) > 1 else ""
            try:
                results += self._make(job, request, loaded, shelf)
            except ValueError as error:
                if len(requests) == 1:
                    raise
                job.left_out.append(str(error))
            except BaseException:
                _delete(results)
                raise
        if not results:
            raise ValueError(f"none of the {len(requests)} pictures can be used: {job.left_out[0]}")
        return results

    def _make(self, job: Job, request: Request, loaded: Loaded, shelf: Path) -> list[Result]:
        stereo_job = with_inputs(request, loaded, self.limits)
        job.note = job.note or input_note(loaded.models.diffusion, stereo_job)
        job.say(Update("Starting"))
        pairs = run(stereo_job, loaded.models, Reporter(job, loaded.colours))
        job.say(Update("Saving"))
        return _save(job, pairs, lambda pair: save_result(pair, request, loaded, shelf))

    def _ahead(self, job: Job) -> int:
        """Return how many jobs for the same model came before and are not over."""
        with self._lock:
            jobs = list(self._jobs.values())
        before = jobs[: jobs.index(job)]
        return sum(other.key == job.key and not other.future.done() for other in before)


class Reporter:
    """An `on_step` hook that draws previews, not more often than anyone could see."""

    def __init__(self, job: Job, colours: "np.ndarray") -> None:
        self._job, self._preview = job, PairPreview(colours)
        self._stage, self._since, self._last, self._first = "", 0.0, 0.0, 0

    def __call__(self, report: "StepReport") -> None:
        """Tell about a finished step; raises Cancelled when the visitor does not want more."""
        if self._job.stopped.is_set():
            raise Cancelled
        now = time.monotonic()
        if report.stage != self._stage:
            self._stage, self._since, self._first = report.stage, now, report.step
        elif now - self._last < UPDATE_S and report.step + 1 < report.total:
            return
        self._last = now
        self._preview.update(report)
        words = STAGES.get(report.stage, report.stage).capitalize()
        share = (report.step + 1) / report.total
        views = self._preview.left, self._preview.right
        self._job.say(Update(words, share, self._detail(report, now), *views))

    def _detail(self, report: "StepReport", now: float) -> str:
        steps = f"step {report.step + 1} of {report.total}"
        done = report.step - self._first
        if done < 1:
            return steps
        seconds = (now - self._since) / done * (report.total - 1 - report.step)
        return f"{steps}, about {seconds:.0f} s left"


def _save(
    job: Job, pairs: "list[StereoPair]", save: "Callable[[StereoPair], Result]"
) -> list[Result]:
    """Save pairs, all of them or, when the job is stopped or the disk full, none."""
    results: list[Result] = []
    try:
        for pair in pairs:
            results.append(save(pair))
            if job.stopped.is_set():
                raise Cancelled
    except (Cancelled, OSError):
        _delete(results)
        raise
    return results


def _delete(results: "list[Result]") -> None:
    for result in results:
        result.delete()
