"""Stereo denoising: one loop, walked by the left view, the right view, or both together.

Before the shift both views are identical, so one is denoised. After it, `uni` never lets the left
view depend on the right one; a left branch that has been run already is replayed
(`denoise_right`) instead of computed again.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

import torch
from torch import Tensor

from stereo.method.attention import (
    Attention,
    record_attention,
    replay_attention,
    share_attention,
)
from stereo.method.latent_shift import LatentShift
from stereo.method.run import Run, StepReport, Views
from stereo.method.schedule import ShiftSchedule
from stereo.options import StereoOptions

# The attention edit of a step, what is written into the latents after it, and the step itself.
Edit = Callable[[int], AbstractContextManager[None]]
Blend = Callable[[int, Tensor], Tensor]
Advance = Callable[[Tensor, int, Views], tuple[Tensor, Tensor]]


def denoise(
    run: Run,
    latents: Tensor,
    steps: Iterable[int],
    views: Views,
    *,
    stage: str,
    edit: Edit = lambda index: nullcontext(),
    blend: Blend = lambda index, latents: latents,
    advance: Advance | None = None,
) -> Iterator[StepReport]:
    """Walk latents (views * n, C, h, w) through steps: the only loop there is.

    Args:
        run: the model, its schedule and prompts.
        latents: before the first step.
        steps: their indices, from 0 in the order of time.
        views: that the batch holds.
        stage: named in the reports.
        edit: the attention edit of a step.
        blend: what is written into the latents after a step.
        advance: the step itself; None takes the run's denoising step.

    Yields each finished step, after the run's progress hook has seen it.
    """
    advance = advance or run.step
    for index in steps:
        with edit(index):
            latents, predicted = advance(latents, index, views)
        latents = blend(index, latents)
        report = StepReport(stage, index, run.total, latents, predicted)
        if run.hooks.on_step is not None:
            run.hooks.on_step(report)
        yield report


@dataclass
class LeftBranch:
    """A left view's start, its latents after each step, and, where recorded, its attention."""

    start: Tensor
    latents: list[Tensor] = field(default_factory=list)
    attention: dict[int, Attention] = field(default_factory=dict)

    @property
    def final(self) -> Tensor:
        """Return the latents after the last step so far."""
        return self.latents[-1] if self.latents else self.start

    def replay(self, run: Run) -> Edit:
        """Return the edit by which a right view attends to this view, recorded or run again."""
        return lambda index: replay_attention(run.self_attention, self._attention(run, index))

    def _attention(self, run: Run, index: int) -> Attention:
        if index in self.attention:
            return self.attention[index]
        store: Attention = {}
        with record_attention(run.self_attention, store):
            run.step(self.latents[index - 1], index, ("left",))
        return store


def denoise_left(
    run: Run, start: Tensor, *, stop: int | None = None, record_after: int | None = None
) -> LeftBranch:
    """Denoise one view alone from `start` (n, C, h, w) through step `stop - 1`.

    With `record_after`, later steps record what a right view attends to (see `denoise_right`).
    """
    branch = LeftBranch(start)

    def record(index: int) -> AbstractContextManager[None]:
        if record_after is None or index <= record_after:
            return nullcontext()
        return record_attention(run.self_attention, branch.attention.setdefault(index, {}))

    steps = range(run.total if stop is None else min(stop, run.total))
    for step in denoise(run, start, steps, ("trunk",), stage="left", edit=record):
        branch.latents.append(step.latents)
        if step.step in branch.attention:
            branch.attention[step.step] = run.hooks.keep(branch.attention[step.step])
    return branch


def denoise_right(
    run: Run,
    branch: LeftBranch,
    shift: LatentShift,
    schedule: ShiftSchedule,
    hole_noise: Tensor | None,
    *,
    share: bool = True,
) -> tuple[Tensor, Tensor]:
    """Denoise the right view alone beside a finished left branch (`uni`, left view unmoved).

    Gives what the joint run gives, for half of its work where the branch recorded its attention.
    `share` switches the attention edit. Returns the right latents (n, C, h, w) and the shift's
    valid mask (n, 1, h, w).
    """
    _, right, valid = shift.split(branch.latents[schedule.shift], hole_noise)  # eq. 3

    def masked(index: int, right: Tensor) -> Tensor:
        """Apply the symmetric pixel shift masking denoise."""
        if index not in schedule.refresh:
            return right
        return shift.reapply(branch.latents[index], right, valid)

    edit = branch.replay(run) if share else lambda index: nullcontext()
    steps = range(schedule.shift + 1, run.total)
    for step in denoise(run, right, steps, ("right",), stage="right", edit=edit, blend=masked):
        right = step.latents
    return right, valid


def denoise_joint(
    run: Run,
    trunk: Tensor,
    shift: LatentShift,
    schedule: ShiftSchedule,
    hole_noise: Tensor | None,
    options: StereoOptions,
) -> tuple[Tensor, Tensor, Tensor]:
    """Denoise both views together from `trunk` (n, C, h, w), the latents after step `shift`.

    Returns left and right latents (n, C, h, w) and the shift's valid mask (n, 1, h, w).
    """
    left, right, valid = shift.split(trunk, hole_noise)
    views = torch.cat([left, right])

    def masked(index: int, views: Tensor) -> Tensor:
        if index not in schedule.refresh:
            return views
        left, right = views.chunk(2)
        return torch.cat([left, shift.reapply(left, right, valid)])

    def share(index: int) -> AbstractContextManager[None]:
        if not options.shared_attention:
            return nullcontext()
        return share_attention(run.self_attention, options.direction, len(trunk))

    steps = range(schedule.shift + 1, run.total)
    both: Views = ("left", "right")
    for step in denoise(run, views, steps, both, stage="pair", edit=share, blend=masked):
        views = step.latents
    left, right = views.chunk(2)
    return left, right, valid
