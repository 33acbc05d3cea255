"""The fields of each workflow, and how they become a request."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.components import Component

from stereo.app.catalogue import Checkpoint, list_checkpoints, pick_checkpoint
from stereo.app.limits import MAX_PROMPT_CHARACTERS, MAX_SAMPLES, MAX_STEPS
from stereo.app.request import Request
from stereo.cli.options import SHAPES_PROMPT
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
PICTURES = [".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif"]
MAPS = [".png", ".tif", ".tiff", ".npy", ".pfm"]
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
            if named.get(name) is not None:
                named[name] = Path(named[name])
        for name in ("steps", "seed", "samples", "inner_steps"):
            if name in named:
                named[name] = _whole(name, named[name])
        return Request(task=self.task, **named)


def make_panel(task: Task) -> Panel:
    """Lay out the fields of a workflow, from what one has to give to what one may."""
    checkpoints = list_checkpoints(task)
    fields: dict[str, Component] = {}
    gr.Markdown(ABOUT[task], elem_classes="sd-about")
    if task != "text":
        fields["picture"] = gr.File(
            label="Picture" if task == "depth" else "Photo",
            file_types=PICTURES,
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


def _stereo_fields(task: Task) -> dict[str, Component]:
    fields: dict[str, Component] = {
        "preset": gr.Radio(
            PRESETS,
            value="best",
            label="Method",
            info="Best keeps the left view’s own pixels and makes up only what it does not show.",
            elem_id=f"{task}-preset",
        ),
        "scale_percent": gr.Slider(
            1,
            20,
            8,
            step=0.5,
            label="Depth",
            info="Largest shift between the views, in percent of the width.",
            elem_id=f"{task}-scale",
        ),
    }
    if task == "depth":
        fields["strength"] = gr.Slider(
            0.1,
            1,
            1,
            step=0.05,
            label="How much is made anew",
            info="Below 1, something of the picture’s content stays, too.",
            elem_id="depth-strength",
        )
    return fields


def _map_fields(task: Task) -> dict[str, Component]:
    return {
        "own_map": gr.File(
            label="Map of the left view: PNG of 8 or 16 bits, TIFF, NPY or PFM",
            file_types=MAPS,
            height=120,
            elem_id=f"{task}-map",
        ),
        "is_depth": gr.Checkbox(
            False,
            label="It holds metric depth (far = large) instead of disparity (near = bright)",
            elem_id=f"{task}-is-depth",
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
        "steps": gr.Slider(1, MAX_STEPS, steps, step=1, label="Steps", elem_id=f"{task}-steps"),
        "guidance_scale": gr.Slider(
            1, 20, guidance, step=0.5, label="Guidance", elem_id=f"{task}-guidance"
        ),
        "seed": gr.Number(42, label="Seed", precision=0, minimum=0, elem_id=f"{task}-seed"),
    }
    if task == "image":
        fields["inner_steps"] = gr.Slider(
            1,
            20,
            inner_steps,
            step=1,
            label="Null-text steps",
            info="For the methods of the paper and of the published code.",
            elem_id="image-inner-steps",
        )
        return fields
    fields["samples"] = gr.Slider(
        1, MAX_SAMPLES, 1, step=1, label="Pairs", elem_id=f"{task}-samples"
    )
    fields["negative_prompt"] = gr.Textbox(
        "", label="Not in the picture", max_length=MAX_PROMPT_CHARACTERS, elem_id=f"{task}-negative"
    )
    return fields


def defaults(task: Task, checkpoint: Checkpoint) -> tuple[int, float, int]:
    """Return the steps, guidance and null-text steps that suit a checkpoint."""
    if checkpoint.embedded:
        return EMBEDDED_STEPS, EMBEDDED_GUIDANCE, EMBEDDED_INNER_STEPS
    return PUBLISHED_STEPS, PUBLISHED_GUIDANCE[task], PUBLISHED_INNER_STEPS


def _whole(name: str, value: float | None) -> int:
    if value is None or value != int(value):
        raise ValueError(f"{name}: got {value}, expected a whole number")
    return int(value)
