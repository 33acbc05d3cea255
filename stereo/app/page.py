"""The page: three workflows in tabs on one side, the pair as it comes about on the other."""

import logging
import os
from collections.abc import Iterator
from typing import Any

import gradio as gr
from gradio.components import Component

from ldm.known_files import ROOT
from stereo.app import markup
from stereo.app.catalogue import pick_checkpoint
from stereo.app.jobs import Cancelled, Desk, Job
from stereo.app.panels import TITLES, Panel, defaults, make_panel
from stereo.app.previews import preview_inputs
from stereo.app.request import SHOWN_CHARACTERS
from stereo.app.results import THUMBNAIL, Result
from stereo.runtime.memory import is_out_of_memory

NO_MEMORY = "Out of memory: try a smaller picture or fewer pairs."
# Every hour, uploads of the day before are deleted.
SWEEP_S, UPLOADS_LIVE_S = 3600, 24 * 3600
STOPPED = "Cancelled. Nothing was kept of this job."

Changes = dict[Component, Any]

log = logging.getLogger(__name__)


class AnsweringBlocks(gr.Blocks):
    """A page that answers values of wrong types with one line, as no field of it sends them."""

    async def process_api(self, *args: Any, **named: Any) -> dict[str, Any]:
        """Run an event's handler.

        Raises:
            gr.Error: with that line.
        """
        try:
            return await super().process_api(*args, **named)
        except (ValueError, TypeError, LookupError, AttributeError) as error:
            log.debug("an event failed", exc_info=True)
            words = f"{type(error).__name__}: {str(error)[:SHOWN_CHARACTERS]}"
            raise gr.Error(
                f"The page sends no such values ({words})", print_exception=False
            ) from error


class Page:
    """The components that handlers change, and the handlers."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.blocks = AnsweringBlocks(
            title="StereoDiffusion",
            analytics_enabled=False,
            fill_width=True,
            delete_cache=(SWEEP_S, UPLOADS_LIVE_S),
        )
        with self.blocks:
            gr.HTML(markup.HEADER)
            with gr.Row(equal_height=False, elem_classes="sd-columns"):
                with gr.Column(scale=1, min_width=320, elem_classes="sd-form"), gr.Tabs():
                    self._panels = [self._tab(task) for task in TITLES]
                with gr.Column(scale=3, min_width=320, elem_classes="sd-stage"):
                    self._lay_out_results()
            self._connect()

    def _tab(self, task: str) -> Panel:
        with gr.Tab(TITLES[task], id=task, elem_id=f"{task}-tab"):
            return make_panel(task)

    def _lay_out_results(self) -> None:
        self._shown = gr.HTML(markup.IDLE, elem_id="result")
        self._gallery = gr.Gallery(
            [],
            label="Your results",
            columns=8,
            height=150,
            allow_preview=False,
            interactive=False,
            buttons=[],
            elem_id="gallery",
        )
        self._about = gr.HTML("", elem_id="about")
        self._results = gr.State([])

    def _connect(self) -> None:
        for panel in self._panels:
            self._connect_panel(panel)
        self._gallery.select(
            self.select,
            [self._results],
            [self._shown, self._about],
            show_progress="hidden",
            api_visibility="private",
        )
        self.blocks.unload(self.leave)

    def _connect_panel(self, panel: Panel) -> None:
        def start(values: dict[Component, Any], visitor: gr.Request) -> Iterator[Changes]:
            yield from self.work(panel, values, visitor)

        def look(values: dict[Component, Any]) -> str:
            return preview_inputs(panel, values, self._desk)

        hidden = {"show_progress": "hidden", "api_visibility": "private"}
        panel.button.click(
            start,
            panel.inputs | {self._results},
            self._changing(),
            concurrency_limit=None,
            **hidden,
        )
        panel.cancel.click(self.cancel, None, [panel.notice], queue=False, **hidden)
        sources = [panel.fields[name] for name in ("picture", "own_map") if name in panel.fields]
        gr.on(
            [source.change for source in sources] + [panel.fields["map_kind"].change],
            look,
            panel.inputs,
            [panel.preview],
            concurrency_limit=2,
            concurrency_id="previews",
            **hidden,
        )
        # What was wrong is mended, or about to be.
        mended = [
            field.change if isinstance(field, gr.File) else field.input
            for field in panel.fields.values()
        ]
        gr.on(mended, None, None, [panel.notice], js="() => ''", **hidden)
        self._suit_checkpoint(panel)

    def _suit_checkpoint(self, panel: Panel) -> None:
        """Let steps and guidance follow the choice of a checkpoint."""
        names = ("steps", "guidance_scale", "inner_steps")
        suited = [panel.fields[name] for name in names if name in panel.fields]

        def suit(name: str) -> tuple[Any, ...]:
            try:
                values = defaults(panel.task, pick_checkpoint(panel.task, name))
            except ValueError:
                return (gr.skip(),) * len(suited)  # starting a job says what is wrong
            return tuple(values[: len(suited)])

        checkpoint = panel.fields["checkpoint"]
        checkpoint.input(suit, [checkpoint], suited, queue=False, api_visibility="private")

    def _changing(self) -> list[Component]:
        shown = [self._shown, self._about, self._gallery, self._results]
        parts = [(panel.button, panel.cancel, panel.notice) for panel in self._panels]
        return [*shown, *(part for each in parts for part in each)]

    def work(
        self, panel: Panel, values: dict[Component, Any], visitor: gr.Request
    ) -> Iterator[Changes]:
        """Run a job and show how it goes, what came of it, or why nothing did."""
        earlier = values[self._results]
        try:
            job = self._desk.start(visitor.session_hash, panel.requests(values))
        except ValueError as error:
            yield {panel.notice: markup.notice(str(error), bad=True)}
            return
        yield {**self._busy(panel, True), panel.notice: ""}
        for update in job.follow():
            changes: Changes = {panel.notice: markup.progress(update)}
            if update.left is not None:
                changes[self._shown] = markup.so_far(update)
            yield changes
        yield self._busy(panel, False)  # first, so that an unforeseen error leaves a usable page
        yield self._outcome(panel, job, earlier)

    def _busy(self, panel: Panel, busy: bool) -> Changes:
        changes: Changes = {each.button: gr.update(interactive=not busy) for each in self._panels}
        changes[panel.cancel] = gr.update(interactive=busy)
        return changes

    def _outcome(self, panel: Panel, job: Job, earlier: list[Result]) -> Changes:
        before = self._present(earlier[0]) if earlier else {self._shown: markup.IDLE}
        try:
            made = job.future.result()
        except Cancelled:
            return {**before, panel.notice: markup.notice(STOPPED)}
        except (ValueError, OSError) as error:
            return {**before, panel.notice: markup.notice(_in_words(error), bad=True)}
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            return {**before, panel.notice: markup.notice(NO_MEMORY, bad=True)}
        results = self._keep([*reversed(made), *earlier])
        return {
            panel.notice: _done(job),
            **self._present(results[0]),
            self._results: results,
            self._gallery: gr.update(value=_thumbnails(results)),
        }

    def _present(self, result: Result) -> Changes:
        return {self._shown: markup.viewer(result), self._about: markup.about(result)}

    def _keep(self, results: list[Result]) -> list[Result]:
        kept = self._desk.limits.results
        for old in results[kept:]:
            old.delete()
        return results[:kept]

    def cancel(self, visitor: gr.Request) -> str:
        """Stop the visitor's job."""
        self._desk.cancel(visitor.session_hash)
        return markup.notice("Stopping after the present step …")

    def select(self, results: list[Result], event: gr.SelectData) -> Changes:
        """Show one of the visitor's results again."""
        if not isinstance(event.index, int) or not 0 <= event.index < len(results):
            shown = repr(event.index)[:SHOWN_CHARACTERS]
            words = f"result: got {shown}, expected a number below {len(results)}"
            return {self._about: markup.notice(words, bad=True)}
        return self._present(results[event.index])

    def leave(self, visitor: gr.Request) -> None:
        """Forget a visitor who closed the page."""
        self._desk.leave(visitor.session_hash)


def _in_words(error: ValueError | OSError) -> str:
    """Return an error's message without the folders of this machine."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}."
    return str(error).replace(f"{ROOT}{os.sep}", "")


def _done(job: Job) -> str:
    """Say that a job is done, and which of several pictures it left out."""
    if not job.left_out:
        return markup.done(job.note)
    made = job.pictures - len(job.left_out)
    words = f"{made} of {job.pictures} pictures are done. Left out: {'; '.join(job.left_out)}"
    return markup.notice(words, bad=True)


def _thumbnails(results: list[Result]) -> list[tuple[str, str]]:
    return [(str(result.folder / THUMBNAIL), result.title) for result in results]
