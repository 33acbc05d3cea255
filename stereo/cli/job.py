"""One job for every front end: what is to be made, and the one function that makes it."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from stereo import pipelines
from stereo.comfort.finish import with_comfort
from stereo.comfort.options import ComfortOptions
from stereo.comfort.strength import with_strength
from stereo.depth.baseline import BaselineOptions, RealBaseline
from stereo.depth.disparity import DepthModel, network_record
from stereo.method.run import OnStep
from stereo.options import NullTextOptions, SamplingOptions, StereoOptions
from stereo.pair import StereoPair
from stereo.pixels.codec import fit_to_model, latent_size, picture_size
from stereo.runtime.guidance import with_guidance
from stereo.runtime.models import Task

if TYPE_CHECKING:
    from ldm.models.diffusion.ddpm import LatentDiffusion


@dataclass(frozen=True)
class StereoJob:
    """One call of a workflow.

    Attributes:
        task: the workflow.
        prompt: what to show; for photos their description.
        negative_prompt: what guidance leads away from; photos have none.
        pictures: (H, W, 3) uint8: none for `text`, one for `depth`, photos of one size for `image`.
        disparities: (H, W) float32 of each picture, or of the left view for `text`; None, or
            nothing at all, for the depth model's.
        seeds: of the photos, in place of the sampling options' own.
        options: of the stereo method.
        sampling: of Stable Diffusion.
        null_text: of a photo's inversion.
        comfort: what sets the strength, and how the pair is looked at.
        baseline: of real cameras, for a depth model that gives metres.
        focal_widths: focal length of the pictures by their EXIF, in their widths.
    """

    task: Task
    prompt: str = ""
    negative_prompt: str = ""
    pictures: Sequence[np.ndarray] = ()
    disparities: Sequence[np.ndarray | None] = ()
    seeds: Sequence[int] = ()
    options: StereoOptions = field(default_factory=StereoOptions)
    sampling: SamplingOptions = field(default_factory=SamplingOptions)
    null_text: NullTextOptions = field(default_factory=NullTextOptions)
    comfort: ComfortOptions = field(default_factory=ComfortOptions)
    baseline: BaselineOptions = field(default_factory=BaselineOptions)
    focal_widths: float | None = None

    def __post_init__(self) -> None:
        self.comfort.check_with(self.options)


@dataclass(frozen=True)
class Models:
    """The networks of a job.

    Attributes:
        diffusion: Stable Diffusion for the task.
        depth: looks at pictures; for `depth` None takes the one inside the diffusion model.
    """

    diffusion: "LatentDiffusion"
    depth: DepthModel | None = None


def run(job: StereoJob, models: Models, on_step: OnStep | None = None) -> list[StereoPair]:
    """Make the pairs of a job: one for each sample, or for each photo.

    Raises:
        ValueError: for inputs or options that cannot be used, naming the argument.
    """
    if job.baseline.baseline_cm is not None:
        job = replace(job, options=replace(job.options, metric_disparity=True))
        models = replace(models, depth=RealBaseline(models.depth, job.baseline, job.focal_widths))
    sampling = with_guidance(job.sampling, models.diffusion, job.task)
    width_px, cells = _width(job, models)
    options = with_strength(job.options, job.comfort, width_px=width_px, cells=cells)
    pairs = _call(replace(job, options=options, sampling=sampling), models, on_step)
    pairs = [_with_origin(pair, k, job, models) for k, pair in enumerate(pairs)]
    return [with_comfort(pair, job.comfort) for pair in pairs]


def _with_origin(pair: StereoPair, k: int, job: StereoJob, models: Models) -> StereoPair:
    """Let the settings of the k-th pair name the depth network that looked at its picture."""
    place = k if job.task == "image" else 0
    if job.disparities and job.disparities[place] is not None:
        return pair
    settings = {**pair.settings, **network_record(models.depth)}
    if isinstance(models.depth, RealBaseline):
        settings |= models.depth.assumed[min(k, len(models.depth.assumed) - 1)]
    return replace(pair, settings=settings)


def _width(job: StereoJob, models: Models) -> tuple[int, int]:
    """Return the width of the result in pixels, and that of the latents in cells."""
    model = models.diffusion
    if job.task == "text":
        height_px, width_px = picture_size(model, job.sampling)
    else:
        frame = fit_to_model(model, job.pictures[0], job.sampling, job.options)
        width_px, height_px = frame.size_px
    cells = latent_size(model, height_px, width_px)[1]
    keeps_photo = job.task == "image" and job.options.fusion
    return (job.pictures[0].shape[1] if keeps_photo else width_px), cells


def _call(job: StereoJob, models: Models, on_step: OnStep | None) -> list[StereoPair]:
    model, depth_model = models.diffusion, models.depth
    common = {"options": job.options, "sampling": job.sampling, "on_step": on_step}
    if job.task == "image":
        return pipelines.images_to_stereo(
            model,
            depth_model,
            job.pictures,
            job.seeds or [job.sampling.seed],
            prompt=job.prompt,
            null_text=job.null_text,
            disparities=job.disparities or None,
            **common,
        )
    disparity = job.disparities[0] if job.disparities else None
    common |= {"negative_prompt": job.negative_prompt, "disparity": disparity}
    if job.task == "text":
        return pipelines.text_to_stereo(model, depth_model, job.prompt, **common)
    (picture,) = job.pictures
    return pipelines.depth_to_stereo(model, picture, job.prompt, depth_model=depth_model, **common)
