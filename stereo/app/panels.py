"""The fields of each workflow, and how they become a request."""

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.components import Component

from ldm.known_files import ROOT
from stereo.app import markup
from stereo.app.catalogue import Checkpoint, list_checkpoints, pick_checkpoint
from stereo.app.request import OWN, Request
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
STRENGTHS = [("Comfortable", "degree"), ("As set here", "none")]
CONVERGENCES = [
    ("What suits the method", OWN),
    ("What suits the picture", "auto"),
    ("The farthest point: all in front", "0"),
    ("The middle of the depth", "0.5"),
    ("The nearest point: all behind", "1"),
]
EYES = [("Right", "right"), ("Left", "left"), ("Both (not with Best)", "both")]
EXAMPLE_PICTURE = ROOT / "docs" / "scene.png"  # not in an installed package
EXAMPLES = ("a green cylinder on a red floor", "a yellow sphere left of a purple box")
DEPTH_PROMPT = "a red sphere left of a yellow cylinder on a wooden floor"
PROMPTS: dict[Task, str] = {"text": SHAPES_PROMPT, "depth": DEPTH_PROMPT, "image": ""}
# The embedded model is small: few steps serve it as well.
EMBEDDED_STEPS, EMBEDDED_INNER_STEPS = 20, 3
PUBLISHED_STEPS, PUBLISHED_INNER_STEPS = 50, 10


@dataclass(frozen=True)
class Panel:
    """One workflow's fields by their names in `Request`, its buttons, and what they answer."""

    task: Task
    fields: dict[str, Component]
    button: gr.Button
    cancel: gr.Button
    notice: gr.HTML
    preview: gr.HTML

    @property
    def inputs(self) -> set[Component]:
        """Return what the handlers are given."""
        return set(self.fields.values())

    def requests(self, values: dict[Component, Any]) -> list[Request]:
        """Turn the fields' values into requests: one for each picture, or one without.

        Raises:
            ValueError: for a value that no field offers.
        """
        named = {name: values[field] for name, field in self.fields.items()}
        named["checkpoint"] = pick_checkpoint(self.task, named["checkpoint"])
        if isinstance(named.get("own_map"), str):
            named["own_map"] = Path(named["own_map"])
        pictures = named.pop("picture", None) or [None]
        pictures = [pictures] if isinstance(pictures, str) else pictures
        paths = [Path(each) if isinstance(each, str) else each for each in pictures]
        if len(paths) > 1:  # a folder may hold other files, too
            paths = [path for path in paths if path.suffix.lower() in picture_suffixes()] or paths
        return [Request(task=self.task, picture=path, **named) for path in paths]


def make_panel(task: Task) -> Panel:
    """Lay out the fields of a workflow: what one has to give, the buttons, what one may give."""
    fields: dict[str, Component] = {}
    preview = gr.HTML(markup.NO_INPUTS, elem_id=f"{task}-inputs", render=False)
    gr.Markdown(ABOUT[task], elem_classes="sd-about")
    if task != "text":
        fields["picture"] = _picture(task)
    fields["prompt"] = _prompt(task)
    _examples(task, fields)
    if task != "text":
        preview.render()
    with gr.Row(elem_classes="sd-run"):
        button = gr.Button("Make the pair", variant="primary", scale=3, elem_id=f"{task}-run")
        cancel = gr.Button("Cancel", interactive=False, min_width=80, elem_id=f"{task}-cancel")
    notice = gr.HTML("", elem_id=f"{task}-notice", elem_classes="sd-answer")
    fields |= _stereo_fields(task)
    with gr.Accordion("Your own depth", open=False, elem_id=f"{task}-own"):
        fields |= _map_fields(task)
        if task == "text":
            preview.render()
    with gr.Accordion("Model and sampling", open=False, elem_id=f"{task}-sampling"):
        fields |= _sampling_fields(task, list_checkpoints(task))
    return Panel(task, fields, button, cancel, notice, preview)


def _picture(task: Task) -> gr.File:
    is_photo = task == "image"
    suffixes = sorted(picture_suffixes())
    return gr.File(
        label="Photos" if is_photo else "Picture",
        file_count="multiple" if is_photo else "single",
        file_types=suffixes,
        height=120,
        elem_id=f"{task}-picture",
    )


def _prompt(task: Task) -> gr.Textbox:
    optional = task == "image"
    return gr.Textbox(
        PROMPTS[task],
        label="Description (optional)" if optional else "Prompt",
        lines=1 if optional else 2,
        max_length=MAX_PROMPT_CHARACTERS,
        elem_id=f"{task}-prompt",
    )


def _examples(task: Task, fields: dict[str, Component]) -> None:
    """Offer something to start with at one click, and for photos a folder of them."""
    with gr.Row(elem_classes="sd-examples"):
        if task == "image":
            folder = gr.UploadButton(
                "Whole folder", file_count="directory", size="sm", elem_id="image-folder"
            )
            folder.upload(lambda paths: paths, folder, fields["picture"], api_visibility="private")
        for words in EXAMPLES if task != "image" else ():
            button = gr.Button(words, size="sm", min_width=120)
            button.click(None, None, fields["prompt"], js=f"() => {json.dumps(words)}")
        if task != "text" and EXAMPLE_PICTURE.is_file():
            button = gr.Button("Example picture", size="sm", elem_id=f"{task}-example")
            several = task == "image"
            button.click(
                lambda: [str(example_picture())] if several else str(example_picture()),
                None,
                fields["picture"],
                api_visibility="private",
            )


def example_picture() -> Path:
    """Return a copy of the example among the page's own files, which is all that it serves."""
    copy = Path(os.environ["GRADIO_TEMP_DIR"]) / "examples" / EXAMPLE_PICTURE.name
    if not copy.is_file():
        copy.parent.mkdir(exist_ok=True)
        shutil.copyfile(EXAMPLE_PICTURE, copy)
    return copy


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
    method = gr.Radio(PRESETS, value="best", label="Method", info=about, elem_id=f"{task}-preset")
    with gr.Accordion("Depth", open=True, elem_id=f"{task}-depth"):
        about = "As much as eyes take well on a display 60 cm wide, 70 cm away, or as you say."
        comfort = gr.Radio(
            STRENGTHS, value="degree", label="Strength", info=about, elem_id=f"{task}-comfort"
        )
        about = "Largest shift in percent of the width, where you say it."
        scale = _slider(task, "scale", (0.5, 20, 0.5), 8, "Shift", about)
        convergence = gr.Dropdown(
            CONVERGENCES, value=OWN, label="In the plane of the screen", elem_id=f"{task}-plane"
        )
        eye = gr.Radio(EYES, value="right", label="View made anew", elem_id=f"{task}-eye")
    fields: dict[str, Component] = {
        "preset": method,
        "comfort": comfort,
        "scale_percent": scale,
        "convergence": convergence,
        "eye": eye,
    }
    # Whole latent cells are too coarse to be comfortable; who moves the slider says the strength.
    method.input(None, method, comfort, js="(name) => name === 'best' ? 'degree' : 'none'")
    scale.input(None, None, comfort, js="() => 'none'")
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
    dice = gr.Button("Another seed", size="sm", elem_id=f"{task}-dice")
    dice.click(None, None, fields["seed"], js="() => Math.floor(Math.random() * 2 ** 31)")
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
