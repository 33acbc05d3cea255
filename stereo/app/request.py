"""What a visitor asked for: checked, turned into options, into a run, into a command line."""

import shlex
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from stereo.app.catalogue import Checkpoint
from stereo.app.limits import MAX_PROMPT_CHARACTERS, MAX_SAMPLES, MAX_STEPS, Limits
from stereo.app.store import Loaded
from stereo.app.uploads import Picture, read_map, read_picture
from stereo.cli.batch import item_seed
from stereo.method.run import OnStep
from stereo.options import NullTextOptions, SamplingOptions, StereoOptions, preset
from stereo.pair import StereoPair
from stereo.pixels.codec import picture_size
from stereo.runtime.models import Task

SCRIPTS = {"text": "txt2stereoimg.py", "depth": "depth2stereoimg.py", "image": "img2stereo.py"}
PICTURE_OPTIONS = {"depth": "--init_img", "image": "--img_path"}


@dataclass(frozen=True)
class Request:
    """A job as the page's fields describe it; paths are those of uploads, never typed ones."""

    task: Task
    checkpoint: Checkpoint
    preset: str = "best"
    scale_percent: float = 8.0
    prompt: str = ""
    negative_prompt: str = ""
    picture: Path | None = None
    own_map: Path | None = None
    is_depth: bool = False
    steps: int = 50
    guidance_scale: float = 9.0
    seed: int = 42
    samples: int = 1
    strength: float = 1.0
    inner_steps: int = 10

    def check(self) -> None:
        """Raise ValueError in a visitor's words for what is missing or too much."""
        if self.task != "text" and self.picture is None:
            raise ValueError("Choose a picture first.")
        if self.task != "image" and not self.prompt.strip():
            raise ValueError("Write a prompt first: say what the picture should show.")
        if max(len(self.prompt), len(self.negative_prompt)) > MAX_PROMPT_CHARACTERS:
            raise ValueError(f"prompt: expected at most {MAX_PROMPT_CHARACTERS} characters")
        if self.steps > MAX_STEPS:
            raise ValueError(f"steps: got {self.steps}, expected at most {MAX_STEPS}")
        if self.samples > MAX_SAMPLES:
            raise ValueError(f"pairs: got {self.samples}, expected at most {MAX_SAMPLES}")
        self.options()
        self.sampling()
        self.null_text()

    def options(self) -> StereoOptions:
        """Return the preset with the chosen strength of depth."""
        return preset(self.preset, scale_percent=float(self.scale_percent))

    def sampling(self) -> SamplingOptions:
        """Return the sampling options; a photo is one sample, all of whose steps are run.

        As with the scripts, the noise depends on the picture's name or the prompt, too.
        """
        sampling = self.sampling_as_given()
        if self.options().published_bookkeeping:
            return sampling
        name = self.prompt if self.picture is None or self.task == "text" else self.picture.name
        return replace(sampling, seed=item_seed(sampling.seed, name))

    def sampling_as_given(self) -> SamplingOptions:
        """Return what `sampling` does, with the seed of the page's field."""
        return SamplingOptions(
            steps=int(self.steps),
            guidance_scale=float(self.guidance_scale),
            seed=int(self.seed),
            samples=1 if self.task == "image" else int(self.samples),
            strength=float(self.strength) if self.task == "depth" else 1.0,
        )

    def null_text(self) -> NullTextOptions:
        """Return the settings of a photo's inversion."""
        scaled = not self.options().published_bookkeeping
        return NullTextOptions(inner_steps=int(self.inner_steps), scale_with_steps=scaled)

    def command(self) -> str:
        """Return the command that does the same without the page."""
        words = ["python", SCRIPTS[self.task]]
        if self.picture is not None and self.task in PICTURE_OPTIONS:
            words += [PICTURE_OPTIONS[self.task], self.picture.name]
        if self.prompt or self.task != "image":
            words += ["--prompt", self.prompt]
        if self.negative_prompt and self.task != "image":
            words += ["--negative_prompt", self.negative_prompt]
        if self.own_map is not None:
            words += ["--disparity", self.own_map.name, *(["--depth"] if self.is_depth else [])]
        if not self.checkpoint.embedded:
            words += ["--ckpt", f"{self.checkpoint.path.parent.name}/{self.checkpoint.path.name}"]
        return shlex.join([*words, *self._numbers()])

    def _numbers(self) -> list[str]:
        sampling = self.sampling_as_given()
        words = ["--preset", self.preset, "--scale_factor", f"{self.scale_percent:g}"]
        words += ["--ddim_steps", str(sampling.steps), "--scale", f"{sampling.guidance_scale:g}"]
        words += ["--seed", str(sampling.seed)]
        if self.task == "depth":
            words += ["--strength", f"{sampling.strength:g}"]
        if self.task == "image":
            return [*words, "--inner_steps", str(self.inner_steps)]
        return [*words, "--n_samples", str(sampling.samples)]


@dataclass(frozen=True)
class Inputs:
    """A request's files, read."""

    picture: Picture | None
    disparity: np.ndarray | None


def read_inputs(request: Request, loaded: Loaded, limits: Limits) -> Inputs:
    """Read the picture and the map of a request, as the model needs them.

    Raises:
        ValueError: when one of them cannot be used.
    """
    picture = None if request.task == "text" else read_picture(request.picture, limits)
    if request.own_map is None:
        return Inputs(picture, None)
    if picture is None:
        size_px = picture_size(loaded.model, request.sampling())[::-1]
    else:
        size_px = picture.size_px
    disparity = read_map(request.own_map, limits, size_px=size_px, is_depth=request.is_depth)
    return Inputs(picture, disparity)


def make_pairs(
    request: Request, inputs: Inputs, loaded: Loaded, on_step: OnStep
) -> list[StereoPair]:
    """Run the workflow of a request."""
    from stereo import pipelines

    options, sampling = request.options(), request.sampling()
    if request.task == "image":
        return pipelines.image_to_stereo(
            loaded.model,
            loaded.depth_model,
            inputs.picture.image,
            options=options,
            sampling=sampling,
            prompt=request.prompt,
            null_text=request.null_text(),
            disparity=inputs.disparity,
            on_step=on_step,
        )
    if request.task == "depth":
        return pipelines.depth_to_stereo(
            loaded.model,
            inputs.picture.image,
            request.prompt,
            options=options,
            sampling=sampling,
            negative_prompt=request.negative_prompt,
            disparity=inputs.disparity,
            on_step=on_step,
        )
    return pipelines.text_to_stereo(
        loaded.model,
        loaded.depth_model,
        request.prompt,
        options=options,
        sampling=sampling,
        negative_prompt=request.negative_prompt,
        disparity=inputs.disparity,
        on_step=on_step,
    )
