"""The three workflows: a prompt, an image under its depth, or a photo becomes a stereo pair."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from stereo.depth.disparity import (
    DepthModel,
    check_depth_model,
    check_map,
    disparity_of_tensor,
    fit_map,
    photo_disparity,
    predict_disparity,
    preprocessing_of,
    stack_maps,
)
from stereo.depth.parallax import (
    disparity_pixels,
    normalise,
    pixels_to_cells,
    relative_cells,
    resize_to_latents,
)
from stereo.images import ImageLike, to_rgb
from stereo.method.conditioning import View, depth_conditions, embed_prompts
from stereo.method.denoise import denoise_left
from stereo.method.latent_shift import latent_shift
from stereo.method.run import OnStep, start_run
from stereo.method.schedule import shift_schedule
from stereo.options import (
    DEFAULT_PRESET,
    NullTextOptions,
    SamplingOptions,
    StereoOptions,
    preset,
    settings_of,
)
from stereo.pair import StereoPair
from stereo.pairs import LeftView, Work, stereo_pairs
from stereo.pixels.codec import (
    decode,
    encode,
    fit_to_model,
    latent_size,
    picture_size,
    tensor_to_images,
)
from stereo.runs import (
    check_photos,
    invert_photo,
    make_hooks,
    published_trunk,
    record_after,
    with_noise,
)
from stereo.runtime.guidance import with_guidance

if TYPE_CHECKING:
    from ldm.models.diffusion.ddpm import LatentDepth2ImageDiffusion, LatentDiffusion

DEFAULT = preset(DEFAULT_PRESET)
SAMPLING = SamplingOptions()
NULL_TEXT = NullTextOptions()


@torch.no_grad()
def text_to_stereo(
    model: "LatentDiffusion",
    depth_model: DepthModel | None,
    prompt: str,
    *,
    options: StereoOptions = DEFAULT,
    sampling: SamplingOptions = SAMPLING,
    negative_prompt: str = "",
    disparity: np.ndarray | None = None,
    on_step: OnStep | None = None,
) -> list[StereoPair]:
    """Make stereo pairs from a prompt (T2SI); the right view branches off the left one's path.

    Args:
        model: 4-channel Stable Diffusion (`stereo.load_model("text")`).
        depth_model: a network or function, (H, W, 3) uint8 -> (H, W); None with `disparity`.
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
    conditioning = embed_prompts(model, prompt, negative_prompt, sampling)
    run = start_run(model, conditioning, sampling, make_hooks(on_step))
    run, noise = with_noise(run, sampling.seeds, latent_size(model, *size_px), options, "text")
    start = noise.start().to(model.device)
    branch = denoise_left(run, start, record_after=record_after(run.total, options))
    decoded, final = decode(model, branch.final), branch.final
    maps = (
        disparity_of_tensor(depth_model, decoded, preprocessing=preprocessing_of(options, "text"))
        if disparity is None
        else stack_maps([disparity] * sampling.samples, model.device)
    )
    inputs = {"task": "text", "prompt": prompt, "negative_prompt": negative_prompt}
    work = Work(model, run, options, noise, inputs | settings_of(options, sampling))
    if options.published_bookkeeping and sampling.eta:
        branch = published_trunk(run, start, options)
    has_own_map = [disparity is not None] * len(maps)
    pictures = tensor_to_images(decoded) if options.fusion else None
    return stereo_pairs(work, LeftView(branch, maps, has_own_map, decoded, pictures, final))


@torch.no_grad()
def depth_to_stereo(
    model: "LatentDepth2ImageDiffusion",
    image: ImageLike,
    prompt: str,
    *,
    options: StereoOptions = DEFAULT,
    sampling: SamplingOptions = SAMPLING,
    negative_prompt: str = "",
    depth_model: DepthModel | None = None,
    disparity: np.ndarray | None = None,
    on_step: OnStep | None = None,
) -> list[StereoPair]:
    """Re-imagine an image under its depth, as stereo pairs (D2SI).

    Args, others as in `text_to_stereo`:
        model: depth-conditioned Stable Diffusion (`stereo.load_model("depth")`).
        image: a path, a Pillow image or (H, W, 3) uint8; its depth, and for strength < 1 its
            content, are kept.
        prompt: what to show under that depth.
        sampling: steps, guidance, size, seed, strength, number of samples.
        depth_model: looks at the image instead of the model's own depth network.
        disparity: (H, W) float32 of the image, near = large, instead of a depth model's.

    Returns:
        One pair per sample.
    """
    image = to_rgb(image)
    check_map(disparity, options)
    sampling = with_guidance(sampling, model, "depth")
    frame = fit_to_model(model, image, sampling, options, "depth")
    size_px = frame.size_px[::-1]
    if disparity is None:
        network = depth_model or model.depth_model.model
        # From the network's size straight to the latents': nothing in between needs the picture's.
        disparity = predict_disparity(
            network, frame.image(image), at_network_size=not options.fusion
        )
    else:
        disparity = fit_map(frame, disparity, image, options)
    maps = stack_maps([disparity] * sampling.samples, model.device)
    size = latent_size(model, *size_px)
    depth = _view_depths(maps, size, options)
    conditioning = embed_prompts(model, prompt, negative_prompt, sampling, depth)
    counted = options.published_bookkeeping
    run = start_run(model, conditioning, sampling, make_hooks(on_step), counted=counted)
    run, noise = with_noise(run, sampling.seeds, size, options, "depth")
    start = noise.start().to(model.device)
    if run.total < len(run.sampler.ddim_timesteps) and not options.published_bookkeeping:
        clean = encode(model, frame.image(image)).expand_as(start)
        start = run.sampler.stochastic_encode(clean, run.total - 1, noise=start)
    inputs = {"task": "depth", "prompt": prompt, "negative_prompt": negative_prompt}
    work = Work(model, run, options, noise, inputs | settings_of(options, sampling))
    return stereo_pairs(work, _depth_left_view(work, start, maps))


def image_to_stereo(
    model: "LatentDiffusion",
    depth_model: DepthModel | None,
    image: ImageLike,
    *,
    options: StereoOptions = DEFAULT,
    sampling: SamplingOptions = SAMPLING,
    prompt: str = "",
    null_text: NullTextOptions = NULL_TEXT,
    disparity: np.ndarray | None = None,
    on_step: OnStep | None = None,
) -> list[StereoPair]:
    """Make a stereo pair from a photo (I2SI), by null-text or direct inversion.

    Args, others as in `text_to_stereo`:
        model: 4-channel Stable Diffusion (`stereo.load_model("image")`); null-text inversion
            runs in float32 whatever its precision.
        image: a path, a Pillow image or (H, W, 3) uint8.
        sampling: steps, guidance, size, seed; one sample, as the photo is one.
        prompt: description of the photo; empty as published.
        null_text: settings of the inversion.

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
    depth_model: DepthModel | None,
    images: Sequence[ImageLike],
    seeds: Sequence[int],
    *,
    options: StereoOptions = DEFAULT,
    sampling: SamplingOptions = SAMPLING,
    prompt: str = "",
    null_text: NullTextOptions = NULL_TEXT,
    disparities: Sequence[np.ndarray | None] | None = None,
    on_step: OnStep | None = None,
) -> list[StereoPair]:
    """Make stereo pairs of photos of one size together, each as `image_to_stereo` alone makes it.

    More than one need direct inversion, as null-text inversion stops at another step for each.
    Each of the n `images` has one of the `seeds`, in place of the sampling options' own, and one
    of the `disparities`, (H, W) or None; other arguments are the same as there.
    """
    images = [to_rgb(image) for image in images]
    check_photos(images, seeds, options, sampling)
    own_maps = [None] * len(images) if disparities is None else disparities
    check_depth_model(depth_model, own_maps)
    for disparity in own_maps:
        check_map(disparity, options)
    sampling = with_guidance(sampling, model, "image")
    frame = fit_to_model(model, images[0], sampling, options)
    photos = [frame.image(image) for image in images]
    maps = [
        photo_disparity(depth_model, image, frame, disparity, options)
        for image, disparity in zip(images, own_maps, strict=True)
    ]
    conditioning = embed_prompts(model, prompt, "", replace(sampling, samples=len(images)))
    run = start_run(model, conditioning, sampling, make_hooks(on_step))
    clean = torch.cat([encode(model, photo) for photo in photos])
    run, branch = invert_photo(run, clean, options, null_text)
    run, noise = with_noise(run, seeds, clean.shape[-2:], options, "image")
    inputs: dict[str, Any] = {"task": "image", "prompt": prompt}
    if options.inversion == "null-text":
        inputs |= asdict(null_text)
    work = Work(model, run, options, noise, inputs | settings_of(options, sampling))
    has_own_map = [disparity is not None for disparity in own_maps]
    pictures = np.stack(images) if options.fusion else None
    left = LeftView(branch, stack_maps(maps, model.device), has_own_map, None, pictures, clean)
    # The settings of each pair make it again alone.
    return [
        replace(pair, settings={**pair.settings, "seed": seed, "sample": 0})
        for pair, seed in zip(stereo_pairs(work, left), seeds, strict=True)
    ]


def _depth_left_view(work: Work, start: Tensor, maps: Tensor) -> LeftView:
    """Denoise the left view from `start`: to its end where its pixels are kept, else to the shift.

    The picture is made to fit its map, so the map's edges are the picture's own.
    """
    run, options, has_own_map = work.run, work.options, [True] * len(maps)
    if options.fusion:
        branch = denoise_left(run, start, record_after=record_after(run.total, options))
        decoded, final = decode(work.model, branch.final), branch.final
        return LeftView(branch, maps, has_own_map, decoded, tensor_to_images(decoded), final)
    if options.published_bookkeeping and work.settings["eta"]:
        branch = published_trunk(run, start, options)
    else:
        branch = denoise_left(run, start, stop=shift_schedule(run.total, options).shift + 1)
    return LeftView(branch, maps, has_own_map)


def _view_depths(maps: Tensor, size: tuple[int, int], options: StereoOptions) -> dict[View, Tensor]:
    cells = (
        pixels_to_cells(disparity_pixels(maps, options), size)
        if options.fusion
        else relative_cells(maps, size, options)
    )
    relative = normalise(resize_to_latents(maps, size))
    return depth_conditions(relative, latent_shift(cells, options), options)
