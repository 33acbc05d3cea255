"""The three workflows: a prompt, an image under its depth, or a photo becomes a stereo pair."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from stereo.depth.disparity import disparity_of_tensor, predict_disparity
from stereo.finish import Work, fused_pairs, shifted_pairs
from stereo.frame import (
    check_depth_model,
    check_map,
    depth_feeding,
    fit_map,
    fit_to_model,
    photo_disparity,
    picture_size,
)
from stereo.method.denoise import OnStep, denoise_left
from stereo.method.inversion import NullTextOptions, invert_photo
from stereo.method.latents import decode, encode, latent_size, seeded_noise, tensor_to_images
from stereo.method.schedule import (
    depth_conditions,
    exact_shift,
    latent_shift,
    record_after,
    trunk_steps,
)
from stereo.options import SamplingOptions, StereoOptions, preset
from stereo.pair import StereoPair
from stereo.runtime.guidance import with_guidance
from stereo.stages import describe, make_run, pixel_disparity, prompts, stack_map

if TYPE_CHECKING:
    from dpt.models import DPTDepthModel
    from ldm.models.diffusion.ddpm import LatentDepth2ImageDiffusion, LatentDiffusion

PAPER = StereoOptions()
BEST = preset("best")
SAMPLING = SamplingOptions()
NULL_TEXT = NullTextOptions()


@torch.no_grad()
def text_to_stereo(
    model: "LatentDiffusion",
    depth_model: "DPTDepthModel",
    prompt: str,
    *,
    options: StereoOptions = PAPER,
    sampling: SamplingOptions = SAMPLING,
    negative_prompt: str = "",
    disparity: np.ndarray | None = None,
    on_step: OnStep | None = None,
) -> list[StereoPair]:
    """Make stereo pairs from a prompt (T2SI).

    The left view is denoised alone, its picture gives the disparity, and the right view branches
    off the same trajectory.

    Args:
        model: 4-channel Stable Diffusion (`stereo.load_model("text")`).
        depth_model: looks at the left pictures; unused where `disparity` is given.
        prompt: what to show.
        options: of the stereo method.
        sampling: steps, guidance, size, seed, number of samples.
        negative_prompt: what guidance leads away from.
        disparity: (H, W) float32 of the left view, near = large, instead of the depth model's.
        on_step: progress hook; raising in it cancels.

    Returns:
        One pair per sample.
    """
    check_depth_model(depth_model, [disparity])
    if sampling.strength != 1:
        raise ValueError(f"strength: got {sampling.strength}, expected 1 without a picture")
    sampling = with_guidance(sampling, model, "text")
    size_px = picture_size(model, sampling)
    check_map(disparity, options, size_px=size_px[::-1])
    size = latent_size(model, *size_px)
    start = seeded_noise(sampling.seeds, (model.channels, *size))
    conditioning = prompts(model, prompt, negative_prompt, sampling)
    run = make_run(model, conditioning, sampling, on_step, wasteful=options.is_wasteful)
    branch = denoise_left(
        run, start.to(model.device), record_after=record_after(run.total, options)
    )
    pictures = decode(model, branch.final)
    near = (
        disparity_of_tensor(depth_model, pictures, preprocessing=depth_feeding(options))
        if disparity is None
        else stack_map(disparity, sampling.samples, model.device)
    )
    inputs = {"task": "text", "prompt": prompt, "negative_prompt": negative_prompt}
    work = Work(model, run, options, sampling.seeds, describe(options, sampling, inputs))
    if options.fusion:
        given = [disparity is not None] * len(near)
        images = tensor_to_images(pictures)
        return fused_pairs(work, images, near, branch.final, branch, given=given)
    return shifted_pairs(work, near, branch, decoded=pictures)


@torch.no_grad()
def depth_to_stereo(
    model: "LatentDepth2ImageDiffusion",
    image: np.ndarray,
    prompt: str,
    *,
    options: StereoOptions = PAPER,
    sampling: SamplingOptions = SAMPLING,
    negative_prompt: str = "",
    disparity: np.ndarray | None = None,
    on_step: OnStep | None = None,
) -> list[StereoPair]:
    """Re-imagine an image under its depth, as stereo pairs (D2SI).

    Args:
        model: depth-conditioned Stable Diffusion (`stereo.load_model("depth")`).
        image: (H, W, 3) uint8; its depth, and for strength < 1 its content, are kept.
        prompt: what to show under that depth.
        options: of the stereo method.
        sampling: steps, guidance, size, seed, strength, number of samples.
        negative_prompt: what guidance leads away from.
        disparity: (H, W) float32 of the image, near = large, instead of the depth model's.
        on_step: progress hook; raising in it cancels.

    Returns:
        One pair per sample.
    """
    check_map(disparity, options)
    sampling = with_guidance(sampling, model, "depth")
    frame = fit_to_model(model, image, sampling, options)
    size = latent_size(model, *frame.size_px[::-1])
    near_map = (
        predict_disparity(model.depth_model.model, frame.image(image))
        if disparity is None
        else fit_map(frame, disparity, image, options)
    )
    near = stack_map(near_map, sampling.samples, model.device)
    plan = (
        exact_shift(pixel_disparity(near, options), size, options)
        if options.fusion
        else latent_shift(near, size, options)
    )
    depth = depth_conditions(near, size, plan, options)
    conditioning = prompts(model, prompt, negative_prompt, sampling, depth)
    run = make_run(model, conditioning, sampling, on_step, wasteful=options.is_wasteful)
    start = seeded_noise(sampling.seeds, (model.channels, *size)).to(model.device)
    if run.total < len(run.sampler.ddim_timesteps) and not options.published_bookkeeping:
        kept = encode(model, frame.image(image))
        start = run.renoise(kept.expand_as(start), start)
    inputs = {"task": "depth", "prompt": prompt, "negative_prompt": negative_prompt}
    work = Work(model, run, options, sampling.seeds, describe(options, sampling, inputs))
    if options.fusion:
        branch = denoise_left(run, start, record_after=record_after(run.total, options))
        pictures = tensor_to_images(decode(model, branch.final))
        # The picture was made to fit the map, so the map's edges are its own.
        given = [True] * len(near)
        return fused_pairs(work, pictures, near, branch.final, branch, given=given)
    trunk = denoise_left(run, start, stop=trunk_steps(run.total, options))
    return shifted_pairs(work, near, trunk)


def image_to_stereo(
    model: "LatentDiffusion",
    depth_model: "DPTDepthModel",
    image: np.ndarray,
    *,
    options: StereoOptions = PAPER,
    sampling: SamplingOptions = SAMPLING,
    prompt: str = "",
    null_text: NullTextOptions = NULL_TEXT,
    disparity: np.ndarray | None = None,
    on_step: OnStep | None = None,
) -> list[StereoPair]:
    """Make a stereo pair from a photo (I2SI), by null-text or direct inversion.

    Args:
        model: 4-channel Stable Diffusion (`stereo.load_model("image")`); null-text inversion
            runs in float32 whatever its precision.
        depth_model: looks at the photo; unused where `disparity` is given.
        image: (H, W, 3) uint8.
        options: of the stereo method.
        sampling: steps, guidance, size, seed; one sample, as the photo is one.
        prompt: description of the photo; empty as published.
        null_text: settings of the inversion.
        disparity: (H, W) float32 of the image, near = large, instead of the depth model's.
        on_step: progress hook; raising in it cancels.

    Returns:
        One pair; its left view is the photo itself with fusion, else its reconstruction.
    """
    return images_to_stereo(
        model,
        depth_model,
        [image],
        [sampling.seed],
        options=options,
        sampling=sampling,
        prompt=prompt,
        null_text=null_text,
        disparities=[disparity],
        on_step=on_step,
    )


@torch.no_grad()
def images_to_stereo(
    model: "LatentDiffusion",
    depth_model: "DPTDepthModel",
    images: Sequence[np.ndarray],
    seeds: Sequence[int],
    *,
    options: StereoOptions = BEST,
    sampling: SamplingOptions = SAMPLING,
    prompt: str = "",
    null_text: NullTextOptions = NULL_TEXT,
    disparities: Sequence[np.ndarray | None] | None = None,
    on_step: OnStep | None = None,
) -> list[StereoPair]:
    """Make stereo pairs of photos of one size together, each as `image_to_stereo` alone makes it.

    Args:
        model: as there, like all that is not said here.
        depth_model: as there.
        images: n photos, each (H, W, 3) uint8; more than one need direct inversion, as null-text
            inversion stops at another step for each.
        seeds: one for each photo, in place of the sampling options' own.
        options: of the stereo method.
        sampling: steps, guidance, size; one sample.
        prompt: description of all the photos.
        null_text: settings of the inversion.
        disparities: one (H, W) float32 for each photo, or None for the depth model's.
        on_step: progress hook; its latents are those of all photos.

    Returns:
        One pair per photo.
    """
    _check_photos(images, seeds, options, sampling)
    given = [None] * len(images) if disparities is None else disparities
    check_depth_model(depth_model, given)
    for disparity in given:
        check_map(disparity, options)
    sampling = with_guidance(sampling, model, "image")
    frame = fit_to_model(model, images[0], sampling, options)
    photos = [frame.image(image) for image in images]
    maps = [
        photo_disparity(depth_model, image, frame, disparity, options)
        for image, disparity in zip(images, given, strict=True)
    ]
    near = torch.cat([stack_map(near_map, 1, model.device) for near_map in maps])
    together = replace(sampling, samples=len(images))
    conditioning = prompts(model, prompt, "", together)
    run = make_run(model, conditioning, together, on_step, wasteful=options.is_wasteful)
    clean = torch.cat([encode(model, photo) for photo in photos])
    run, branch = invert_photo(run, clean, options, null_text)
    inputs: dict[str, Any] = {"task": "image", "prompt": prompt}
    if options.inversion == "null-text":
        inputs |= asdict(null_text)
    work = Work(model, run, options, seeds, describe(options, sampling, inputs))
    pairs = (
        fused_pairs(
            work, np.stack(images), near, clean, branch, given=[m is not None for m in given]
        )
        if options.fusion
        else shifted_pairs(work, near, branch)
    )
    # Each tells how to make it alone.
    return [
        replace(pair, settings={**pair.settings, "seed": seed, "sample": 0})
        for pair, seed in zip(pairs, seeds, strict=True)
    ]


def _check_photos(
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
