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
from stereo.app.results import Result
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
                with gr.Column(scale=5, min_width=320), gr.Tabs():
                    self._panels = [self._tab(task) for task in TITLES]
                with gr.Column(scale=7, min_width=320, elem_classes="sd-stage"):
                    self._lay_out_results()
            self._connect()

    def _tab(self, task: str) -> Panel:
        with gr.Tab(TITLES[task], id=task, elem_id=f"{task}-tab"):
            return make_panel(task)

    def _lay_out_results(self) -> None:
        self._status = gr.HTML("", elem_id="status")
        self._cancel = gr.Button("Cancel", variant="secondary", visible=False, elem_id="cancel")
        self._gallery = gr.Gallery(
            [],
            label="Your results",
            columns=5,
            height="auto",
            fit_columns=False,
            allow_preview=False,
            visible=False,
            interactive=False,
            buttons=[],
            elem_id="gallery",
        )
        self._shown = gr.HTML(markup.IDLE, elem_id="result")
        self._results = gr.State([])

    def _connect(self) -> None:
        for panel in self._panels:
            self._connect_panel(panel)
        self._cancel.click(self.cancel, None, [self._status], queue=False, api_visibility="private")
        self._gallery.select(
            self.select,
            [self._results],
            [self._shown],
            show_progress="hidden",
            api_visibility="private",
        )
        self.blocks.unload(self.leave)

    def _connect_panel(self, panel: Panel) -> None:
        def start(values: dict[Component, Any], visitor: gr.Request) -> Iterator[Changes]:
            yield from self.work(panel, values, visitor)

        def look(values: dict[Component, Any]) -> str:
            return preview_inputs(panel, values, self._desk)

        def suit(name: str) -> tuple[Any, ...]:
            try:
                values = defaults(panel.task, pick_checkpoint(panel.task, name))
            except ValueError:
                return (gr.skip(),) * len(suited)  # starting a job says what is wrong
            return tuple(values[: len(suited)])

        panel.button.click(
            start,
            panel.inputs | {self._results},
            self._changing(),
            show_progress="hidden",
            concurrency_limit=None,
            api_visibility="private",
        )
        sources = [panel.fields[name] for name in ("picture", "own_map") if name in panel.fields]
        gr.on(
            [source.change for source in sources] + [panel.fields["map_kind"].change],
            look,
            panel.inputs,
            [panel.preview],
            show_progress="minimal",
            concurrency_limit=2,
            concurrency_id="previews",
            api_visibility="private",
        )
        suited = [
            panel.fields[name]
            for name in ("steps", "guidance_scale", "inner_steps")
            if name in panel.fields
        ]
        checkpoint = panel.fields["checkpoint"]
        checkpoint.input(suit, [checkpoint], suited, queue=False, api_visibility="private")

    def _changing(self) -> list[Component]:
        shown = [self._status, self._shown, self._gallery, self._results, self._cancel]
        return [*shown, *(panel.button for panel in self._panels)]

    def work(
        self, panel: Panel, values: dict[Component, Any], visitor: gr.Request
    ) -> Iterator[Changes]:
        """Run a job and show how it goes, what came of it, or why nothing did."""
        try:
            job = self._desk.start(visitor.session_hash, panel.request(values))
        except ValueError as error:
            yield {self._status: markup.notice(str(error), bad=True)}
            return
        yield self._busy(True)
        for update in job.follow():
            yield {self._status: markup.progress(update)}
        yield self._busy(False)  # first, so that an unforeseen error leaves a usable page
        yield self._outcome(job, values[self._results])

    def _busy(self, busy: bool) -> Changes:
        changes: Changes = {panel.button: gr.update(interactive=not busy) for panel in self._panels}
        changes[self._cancel] = gr.update(visible=busy)
        if busy:
            changes[self._status] = ""
        return changes

    def _outcome(self, job: Job, earlier: list[Result]) -> Changes:
        try:
            made = job.future.result()
        except Cancelled:
            return {self._status: markup.notice(STOPPED)}
        except (ValueError, OSError) as error:
            return {self._status: markup.notice(_in_words(error), bad=True)}
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            return {self._status: markup.notice(NO_MEMORY, bad=True)}
        results = self._keep([*reversed(made), *earlier])
        return {
            self._status: markup.notice("Done."),
            self._shown: _show(results[0]),
            self._results: results,
            self._gallery: gr.update(value=_thumbnails(results), visible=len(results) > 1),
        }

    def _keep(self, results: list[Result]) -> list[Result]:
        kept = self._desk.limits.results
        for old in results[kept:]:
            old.delete()
        return results[:kept]

    def cancel(self, visitor: gr.Request) -> str:
        """Stop the visitor's job."""
        self._desk.cancel(visitor.session_hash)
        return markup.notice("Stopping after the present step …")

    def select(self, results: list[Result], event: gr.SelectData) -> str:
        """Show one of the visitor's results again."""
        if not isinstance(event.index, int) or not 0 <= event.index < len(results):
            shown = repr(event.index)[:SHOWN_CHARACTERS]
            words = f"result: got {shown}, expected a number below {len(results)}"
            return markup.notice(words, bad=True)
        return _show(results[event.index])

    def leave(self, visitor: gr.Request) -> None:
        """Forget a visitor who closed the page."""
        self._desk.leave(visitor.session_hash)


def _in_words(error: ValueError | OSError) -> str:
    """Return an error's message without the folders of this machine."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}."
    return str(error).replace(f"{ROOT}{os.sep}", "")


def _show(result: Result) -> str:
    return markup.result(result, result.viewer_document())


def _thumbnails(results: list[Result]) -> list[tuple[str, str]]:
    return [(str(result.files["left"]), result.title) for result in results]
