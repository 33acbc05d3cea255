"""The fields of each workflow, and how they become a request."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.components import Component

from stereo.app.catalogue import Checkpoint, list_checkpoints, pick_checkpoint
from stereo.app.request import Request
from stereo.app.settings import MAX_PROMPT_CHARACTERS, MAX_SAMPLES, MAX_STEPS
from stereo.cli.options import SHAPES_PROMPT
from stereo.depth.map_files import ARRAY_SUFFIXES
from stereo.images import picture_suffixes
from stereo.runtime.guidance import EMBEDDED_GUIDANCE, PUBLISHED_GUIDANCE
from stereo.runtime.models import Task

TITLES: dict[Task, str] = {
    "text": "Prompt",
    "depth": "Depth",
    "image": "Photo",
}
ABOUT: dict[Task, str] = {
    "text": "Say what to show; both views are made.",
    "depth": "A new picture of your words, under the depth of yours.",
    "image": "Your photo becomes the left view; the right one is made.",
}
MAP_KINDS = [
    ("Near is bright", "near-bright"),
    ("Far is bright", "far-bright"),
    ("Metric depth", "depth"),
]
PRESETS = [("Best", "best"), ("As in the paper", "paper"), ("As published", "original")]
DEPTH_PROMPT = "a red sphere left of a yellow cylinder on a wooden floor"
PROMPTS: dict[Task, str] = {"text": SHAPES_PROMPT, "depth": DEPTH_PROMPT, "image": ""}
# The embedded model is small: few steps serve it as well.
EMBEDDED_STEPS, EMBEDDED_INNER_STEPS = 20, 3
PUBLISHED_STEPS, PUBLISHED_INNER_STEPS = 50, 10


@dataclass(frozen=True)
class Panel:
    """One workflow's fields by their names in `Request`, its button, its preview of inputs."""

    task: Task
    fields: dict[str, Component]
    button: gr.Button
    preview: gr.HTML

    @property
    def inputs(self) -> set[Component]:
        """Return what the handlers are given."""
        return set(self.fields.values())

    def request(self, values: dict[Component, Any]) -> Request:
        """Turn the fields' values into a request.

        Raises:
            ValueError: for a value that no field offers.
        """
        named = {name: values[field] for name, field in self.fields.items()}
        named["checkpoint"] = pick_checkpoint(self.task, named["checkpoint"])
        for name in ("picture", "own_map"):
            if isinstance(named.get(name), str):
                named[name] = Path(named[name])
        return Request(task=self.task, **named)


def make_panel(task: Task) -> Panel:
    """Lay out the fields of a workflow, from what one has to give to what one may."""
    checkpoints = list_checkpoints(task)
    fields: dict[str, Component] = {}
    gr.Markdown(ABOUT[task], elem_classes="sd-about")
    if task != "text":
        fields["picture"] = gr.File(
            label="Picture" if task == "depth" else "Photo",
            file_types=sorted(picture_suffixes()),
            height=120,
            elem_id=f"{task}-picture",
        )
    fields["prompt"] = _prompt(task)
    preview = gr.HTML("", elem_id=f"{task}-inputs")
    fields |= _stereo_fields(task)
    with gr.Accordion("Your own depth", open=False, elem_id=f"{task}-own"):
        fields |= _map_fields(task)
    with gr.Accordion("Model and sampling", open=False, elem_id=f"{task}-sampling"):
        fields |= _sampling_fields(task, checkpoints)
    button = gr.Button("Make the stereo pair", variant="primary", elem_id=f"{task}-run")
    return Panel(task, fields, button, preview)


def _prompt(task: Task) -> gr.Textbox:
    optional = task == "image"
    return gr.Textbox(
        PROMPTS[task],
        label="Description (optional)" if optional else "Prompt",
        lines=1 if optional else 2,
        max_length=MAX_PROMPT_CHARACTERS,
        elem_id=f"{task}-prompt",
    )


def _slider(
    task: Task,
    name: str,
    ends: tuple[float, float, float],
    value: float,
    label: str,
    info: str | None = None,
) -> gr.Slider:
    """Make a slider of (lowest, highest, step)."""
    low, high, step = ends
    return gr.Slider(low, high, value, step=step, label=label, info=info, elem_id=f"{task}-{name}")


def _stereo_fields(task: Task) -> dict[str, Component]:
    about = "Best keeps the left view’s own pixels and makes up only what it does not show."
    shift = "Largest shift between the views, in percent of the width."
    fields: dict[str, Component] = {
        "preset": gr.Radio(
            PRESETS, value="best", label="Method", info=about, elem_id=f"{task}-preset"
        ),
        "scale_percent": _slider(task, "scale", (1, 20, 0.5), 8, "Depth", shift),
    }
    if task == "depth":
        about = "Below 1, something of the picture’s content stays, too."
        fields["strength"] = _slider(
            task, "strength", (0.1, 1, 0.05), 1, "How much is made anew", about
        )
    return fields


def _map_fields(task: Task) -> dict[str, Component]:
    return {
        "own_map": gr.File(
            label="Map of the left view: a picture, NPY, NPZ, PFM or EXR",
            file_types=[*ARRAY_SUFFIXES, *sorted(picture_suffixes())],
            height=120,
            elem_id=f"{task}-map",
        ),
        "map_kind": gr.Radio(
            MAP_KINDS, value="near-bright", label="What it stores", elem_id=f"{task}-map-kind"
        ),
    }


def _sampling_fields(task: Task, checkpoints: list[Checkpoint]) -> dict[str, Component]:
    first = checkpoints[0]
    steps, guidance, inner_steps = defaults(task, first)
    fields: dict[str, Component] = {
        "checkpoint": gr.Dropdown(
            [each.name for each in checkpoints],
            value=first.name,
            label="Model",
            info="Checkpoints are found in models/ when the page is started.",
            interactive=len(checkpoints) > 1,
            elem_id=f"{task}-checkpoint",
        ),
        "steps": _slider(task, "steps", (1, MAX_STEPS, 1), steps, "Steps"),
        "guidance_scale": _slider(task, "guidance", (1, 20, 0.5), guidance, "Guidance"),
        "seed": gr.Number(42, label="Seed", precision=0, minimum=0, elem_id=f"{task}-seed"),
    }
    if task == "image":
        about = "For the methods of the paper and of the published code."
        fields["inner_steps"] = _slider(
            task, "inner-steps", (1, 20, 1), inner_steps, "Null-text steps", about
        )
        return fields
    fields["samples"] = _slider(task, "samples", (1, MAX_SAMPLES, 1), 1, "Pairs")
    fields["negative_prompt"] = gr.Textbox(
        "", label="Not in the picture", max_length=MAX_PROMPT_CHARACTERS, elem_id=f"{task}-negative"
    )
    return fields


def defaults(task: Task, checkpoint: Checkpoint) -> tuple[int, float, int]:
    """Return the steps, guidance and null-text steps that suit a checkpoint."""
    if checkpoint.embedded:
        return EMBEDDED_STEPS, EMBEDDED_GUIDANCE, EMBEDDED_INNER_STEPS
    return PUBLISHED_STEPS, PUBLISHED_GUIDANCE[task], PUBLISHED_INNER_STEPS
