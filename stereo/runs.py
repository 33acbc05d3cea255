"""How a workflow's runs begin, and what `original` does there as the published scripts do.

The published shift, masks and schedule are options of the method (`stereo.options`).
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from ldm.models.diffusion.ddpm import LatentDiffusion
from stereo.method.attention import share_attention
from stereo.method.denoise import LeftBranch, denoise
from stereo.method.inversion import ddim_inversion, null_text_inversion
from stereo.method.run import Hooks, OnStep, Run
from stereo.method.schedule import shift_schedule
from stereo.noise import Noise, PublishedNoise, SampleNoise
from stereo.options import NullTextOptions, SamplingOptions, StereoOptions, Task
from stereo.pixels.inpaint import first_inpainting_step
from stereo.runtime.device import in_float32
from stereo.runtime.memory import keep
from stereo.runtime.step_cache import step_cache

LEAST_RANGE = 1e-5


def check_photos(
    images: Sequence[np.ndarray],
    seeds: Sequence[int],
    options: StereoOptions,
    sampling: SamplingOptions,
) -> None:
    """Refuse what inversion cannot do.

    Raises:
        ValueError: naming the argument.
    """
    if sampling.samples != 1:
        raise ValueError(f"samples: got {sampling.samples}, expected 1 for a photo")
    if sampling.eta:
        raise ValueError(
            f"eta: got {sampling.eta}, expected 0 for a photo, as noise inverts to none"
        )
    if sampling.strength != 1:
        raise ValueError(
            f"strength: got {sampling.strength}, expected 1 for a photo, which is inverted whole"
        )
    if not images or len(images) != len(seeds):
        raise ValueError(f"seeds: got {len(seeds)}, expected one for each of {len(images)} photos")
    sizes = sorted({f"{image.shape[1]}x{image.shape[0]}" for image in images})
    if len(sizes) > 1:
        raise ValueError(f"images: got {', '.join(sizes)} px, expected photos of one size")
    if len(images) > 1 and (options.inversion != "direct" or options.normalisation != "image"):
        raise ValueError(
            f"images: got {len(images)}, expected 1 with {options.inversion} inversion and "
            f"normalisation by {options.normalisation}"
        )


def make_hooks(on_step: OnStep | None) -> Hooks:
    """Return what a run is handed: the progress hook, and what saves time and memory."""
    return Hooks(on_step, cache=step_cache, keep=keep)


def with_noise(
    run: Run, seeds: Sequence[int], size: tuple[int, int], options: StereoOptions, task: Task
) -> tuple[Run, Noise]:
    """Return the run with the noise that eta > 0 adds, and all noise of its latents (h, w)."""
    noise = make_noise(run.sampler.model, run.total, seeds, size, options, task)
    return replace(run, hooks=replace(run.hooks, step_noise=noise.step)), noise


def make_noise(
    model: LatentDiffusion,
    total: int,
    seeds: Sequence[int],
    size: tuple[int, int],
    options: StereoOptions,
    task: Task,
) -> Noise:
    """Return the noise of a run of `total` steps with latents (h, w): each sample's or published.

    In the published order, a prompt's run denoises one view first. The depth workflow encodes its
    picture, for nothing but its size, and draws from the posterior on the CPU, whatever the
    device. A photo's run, which the published script does not seed, needs noise for its holes only.
    """
    if not options.published_bookkeeping:
        return SampleNoise(seeds, (model.channels, *size))
    start_at = int(task == "depth" and model.device.type == "cpu")
    alone = {"text": 1 + total, "depth": start_at + 1, "image": 0}[task]
    return PublishedNoise(
        seeds[0],
        (len(seeds), model.channels, *size),
        model.device,
        start_at,
        alone,
        shift_schedule(total, options).shift,
        options.deblur,
    )


def record_after(total: int, options: StereoOptions) -> int | None:
    """Return the step after which a left branch records what a right view attends to, if any."""
    if not (options.left_stands_alone and options.shared_attention):
        return None
    if options.fusion:
        return first_inpainting_step(total, options) - 1
    return shift_schedule(total, options).shift


def invert_photo(
    run: Run, clean: Tensor, options: StereoOptions, null_text: NullTextOptions
) -> tuple[Run, LeftBranch]:
    """Turn photos' latents (n, C, h, w) into the left branch that ends in them.

    `direct`: the inversion's own trajectory is the branch, and guidance, which would lead away
    from it, is off. `null-text`: the branch is what the tuned embeddings lead along, as far as
    the right view needs it. Returns the run for the right view, too.
    """
    unguided = replace(run, conditioning=replace(run.conditioning, guidance_scale=1.0))
    if options.inversion == "direct":
        trajectory = ddim_inversion(unguided, clean)
        return unguided, LeftBranch(trajectory[-1], trajectory[-2::-1])
    with in_float32(run.sampler.model.model.diffusion_model):
        trajectory = ddim_inversion(unguided, clean)
        tuned = null_text_inversion(run, trajectory, null_text)
    run = replace(run, conditioning=replace(run.conditioning, unconditional=tuned.embeddings))
    stop = None if options.fusion else shift_schedule(run.total, options).shift + 1
    return run, LeftBranch(trajectory[-1], tuned.path[:stop])


def published_trunk(run: Run, start: Tensor, options: StereoOptions) -> LeftBranch:
    """Denoise both views from `start` (n, C, h, w) to the shift, as the published code does.

    With eta > 0 its views differ before the shift, as each gets noise of its own.
    """
    last = shift_schedule(run.total, options).shift

    def share(index: int) -> AbstractContextManager[None]:
        if index < last or not options.shared_attention:
            return nullcontext()
        return share_attention(run.self_attention, options.direction, len(start))

    both = torch.cat([start, start])
    walk = denoise(run, both, range(last + 1), ("trunk", "trunk"), stage="pair", edit=share)
    return LeftBranch(start, [step.latents.chunk(2)[0] for step in walk])


def published_pictures(left: Tensor, right: Tensor, task: Task) -> tuple[np.ndarray, np.ndarray]:
    """Turn views (n, 3, H, W), about [-1, 1], into (n, H, W, 3) uint8 as the scripts save them.

    Photos are truncated. The others are stretched to the full range between the least and the
    largest value of the whole run, and rounded.
    """
    views = (torch.cat([left, right]).float() / 2 + 0.5).clamp(0, 1)
    if task == "image":
        levels = views * 255
    else:
        low, high = views.min(), views.max()
        levels = (views - low) / (high - low).clamp(min=LEAST_RANGE) * 255 + 0.5
    pixels = levels.clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
    first, second = np.split(pixels, 2)
    return first, second
