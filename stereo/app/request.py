"""What a visitor asked for: checked, turned into a job, and into the command that does the same."""

import shlex
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from stereo.app.catalogue import Checkpoint
from stereo.app.settings import MAX_PROMPT_CHARACTERS, MAX_SAMPLES, MAX_STEPS, Limits
from stereo.app.store import Loaded
from stereo.app.uploads import read_map, read_picture
from stereo.cli.inputs import PICTURE_OPTIONS, check_text
from stereo.cli.job import StereoJob
from stereo.comfort.options import ComfortOptions
from stereo.options import NullTextOptions, SamplingOptions, preset
from stereo.pixels.codec import picture_size

SCRIPTS = {"text": "txt2stereoimg.py", "depth": "depth2stereoimg.py", "image": "img2stereo.py"}
SHOWN_CHARACTERS = 60
# Of choices that a method makes itself, unless it is told otherwise.
OWN = ""
# Pixels are for the command line: they need a map made for the very picture.
MAP_KINDS = ("near-bright", "far-bright", "depth")
EYES = ("right", "left", "both")
KINDS = {int: "a whole number", float: "a number", str: "text", bool: "yes or no"}
KINDS |= {Path | None: "a file", Checkpoint: "a model"}


@dataclass(frozen=True)
class Request:
    """A job as the page's fields describe it; paths are those of uploads, never typed ones."""

    task: str
    checkpoint: Checkpoint
    preset: str = "best"
    scale_percent: float = 8.0
    prompt: str = ""
    negative_prompt: str = ""
    picture: Path | None = None
    own_map: Path | None = None
    map_kind: str = "near-bright"
    steps: int = 50
    guidance_scale: float = 9.0
    seed: int = 42
    samples: int = 1
    strength: float = 1.0
    inner_steps: int = 10
    comfort: str = "none"
    convergence: str = OWN
    eye: str = "right"

    def __post_init__(self) -> None:
        """Refuse values of other types, which no field of the page sends."""
        for field in fields(self):
            value = _typed(field.name, getattr(self, field.name), field.type)
            object.__setattr__(self, field.name, value)

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
        if self.eye not in EYES:
            raise ValueError(f"eye: got {self.eye!r}, expected one of {', '.join(EYES)}")
        if self.map_kind not in MAP_KINDS:
            raise ValueError(f"map: got {self.map_kind!r}, expected one of {', '.join(MAP_KINDS)}")
        self.job()

    def job(self) -> StereoJob:
        """Return the job without its pictures and maps."""
        options = preset(
            self.preset,
            scale_percent=None if self._is_comfortable else self.scale_percent,
            convergence=self._convergence(),
            eye="left" if self.eye == "left" else None,
            shift_both=self.eye == "both" or None,
        )
        null_text = NullTextOptions(
            self.inner_steps, scale_with_steps=not options.published_bookkeeping
        )
        return StereoJob(
            self.task,
            self.prompt,
            self.negative_prompt,
            options=options,
            sampling=self.sampling(),
            null_text=null_text,
            comfort=ComfortOptions(comfort=self.comfort),
        )

    @property
    def _is_comfortable(self) -> bool:
        return self.comfort != "none"

    def _convergence(self) -> float | str | None:
        if self.convergence in (OWN, "auto"):
            return self.convergence or None
        try:
            return float(self.convergence)
        except ValueError as error:
            shown = f"{self.convergence!r:.{SHOWN_CHARACTERS}}"
            raise ValueError(f"convergence: got {shown}, expected 0 to 1, or auto") from error

    def sampling(self) -> SamplingOptions:
        """Return the sampling options with the seed of the page's field; a photo is one sample."""
        return SamplingOptions(
            steps=self.steps,
            guidance_scale=self.guidance_scale,
            seed=self.seed,
            samples=1 if self.task == "image" else self.samples,
            strength=self.strength if self.task == "depth" else 1.0,
        )

    def command(self) -> str:
        """Return the command that does the same without the page."""
        sampling, is_photo = self.sampling(), self.task == "image"
        words: dict[str, Any] = {
            PICTURE_OPTIONS.get(self.task): self.picture and self.picture.name,
            "prompt": None if is_photo and not self.prompt else self.prompt,
            "negative_prompt": None if is_photo else self.negative_prompt or None,
            "disparity": self.own_map and self.own_map.name,
            "map": self.map_kind if self.own_map else None,
            "ckpt": None if self.checkpoint.embedded else self.checkpoint.relative,
            "preset": self.preset,
            "scale_factor": None if self._is_comfortable else f"{self.scale_percent:g}",
            "comfort": self.comfort if self._is_comfortable else None,
            "convergence": self.convergence or None,
            "eye": None if self.eye == "right" else self.eye,
            "ddim_steps": sampling.steps,
            "scale": f"{sampling.guidance_scale:g}",
            "seed": sampling.seed,
            "strength": f"{sampling.strength:g}" if self.task == "depth" else None,
            "inner_steps": self.inner_steps if is_photo else None,
            "n_samples": None if is_photo else sampling.samples,
        }
        given = {key: str(value) for key, value in words.items() if key and value is not None}
        flags = [word for key, value in given.items() for word in (f"--{key}", value)]
        return shlex.join(["python", SCRIPTS[self.task], *flags])


def with_inputs(request: Request, loaded: Loaded, limits: Limits) -> StereoJob:
    """Return the job with the picture and the map of a request, as the model needs them.

    Raises:
        ValueError: when one of them cannot be used.
    """
    job = request.job()
    size_px = picture_size(loaded.models.diffusion, job.sampling)[::-1]
    if request.task != "text":
        picture = read_picture(request.picture, limits)
        job, size_px = replace(job, pictures=[picture]), picture.shape[1::-1]
    if request.own_map is None:
        return job
    disparity = read_map(request.own_map, limits, size_px=size_px, kind=request.map_kind)
    return replace(job, disparities=[disparity])


def _typed(name: str, value: object, kind: Any) -> Any:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if kind in (int, float) and is_number and (kind is float or value == value // 1):
        return kind(value)  # the page sends whole floats, too
    if kind in (int, float) or not isinstance(value, kind):
        raise ValueError(f"{name}: got {value!r:.{SHOWN_CHARACTERS}}, expected {KINDS[kind]}")
    if kind is str:
        check_text(name, value)
    return value
