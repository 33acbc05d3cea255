"""What is timed: a pair, one single image, the pair on the published schedule."""

from dataclasses import replace

import numpy as np
import torch

from stereo.benchmark.networks import Networks
from stereo.benchmark.published_schedule import PublishedSchedule, Views
from stereo.depth.disparity import disparity_of_tensor, predict_disparity, preprocessing_of
from stereo.depth.parallax import normalise, relative_cells, resize_to_latents
from stereo.method.conditioning import depth_conditions, embed_prompts
from stereo.method.denoise import denoise_left
from stereo.method.latent_shift import latent_shift
from stereo.method.run import start_run
from stereo.noise import seeded_noise
from stereo.options import NullTextOptions, SamplingOptions, StereoOptions
from stereo.pipelines import depth_to_stereo, images_to_stereo, stack_maps, text_to_stereo
from stereo.pixels.codec import decode, encode, latent_size, tensor_to_images
from stereo.runs import make_noise

PROMPT = "a red sphere in front of a blue box on a wooden floor"
PAPER = StereoOptions()
NULL_TEXT = NullTextOptions()
TEXTURE_STD = 30


def photo(size_px: int) -> np.ndarray:
    """Return a picture (size, size, 3) uint8 that every run of the benchmark shares.

    It has fine texture, as photos do: on a smooth one null-text inversion stops early.
    """
    ramp = np.linspace(0, 255, size_px)
    y, x = np.meshgrid(ramp, ramp, indexing="ij")
    near = np.hypot(x - 128, y - 128) < 64
    smooth = np.stack([x, y, np.where(near, 255, 64)], axis=-1)
    texture = np.random.default_rng(0).normal(0, TEXTURE_STD, smooth.shape)
    return (smooth + texture).clip(0, 255).astype(np.uint8)


def pair(networks: Networks, options: StereoOptions, sampling: SamplingOptions) -> None:
    """Make the pairs of `sampling`."""
    image, model = photo(sampling.height_px), networks.model
    common = {"options": options, "sampling": sampling}
    if networks.task == "text":
        text_to_stereo(model, networks.depth_model, PROMPT, **common)
    elif networks.task == "depth":
        depth_to_stereo(model, image, PROMPT, **common)
    else:
        common["sampling"] = replace(sampling, samples=1)
        # Null-text inversion takes photos one by one.
        together = sampling.samples if options.inversion == "direct" else 1
        for _ in range(0, sampling.samples, together):
            photos = [image] * together
            images_to_stereo(model, networks.depth_model, photos, range(together), **common)


def published_pair(networks: Networks, sampling: SamplingOptions) -> None:
    """Make the pairs as the published code does, pass by pass; photos one by one."""
    times = 1
    if networks.task == "image":
        times, sampling = sampling.samples, replace(sampling, samples=1)
    for _ in range(times):
        for latents in published_views(networks, photo(sampling.height_px), PAPER, sampling):
            tensor_to_images(decode(networks.model, latents))


@torch.no_grad()
def published_views(
    networks: Networks,
    image: np.ndarray,
    options: StereoOptions,
    sampling: SamplingOptions,
    *,
    disparity: np.ndarray | None = None,
    null_text: NullTextOptions = NULL_TEXT,
) -> Views:
    """Return both views' latents (n, C, h, w) on the published schedule.

    Args:
        networks: of one workflow.
        image: (H, W, 3) uint8 of the size of `sampling`; unused for text.
        options: of the stereo method, without fusion.
        sampling: steps, guidance, size, seed, number of samples.
        disparity: (H, W) float32 of the left view, instead of the depth model's.
        null_text: settings of the photo's inversion.
    """
    model, empty = networks.model, None
    prompt = "" if networks.task == "image" else PROMPT
    size = latent_size(model, *image.shape[:2])
    noise = make_noise(model, sampling.steps, sampling.seeds, size, options, networks.task)
    schedule = PublishedSchedule(model, options, sampling, noise, prompt)
    start = noise.start().to(model.device)
    depth_model, preprocessing = networks.depth_model, preprocessing_of(options, networks.task)
    if networks.task == "depth":
        depth_model, preprocessing = model.depth_model.model, "dpt"
    if networks.task == "image":
        start, empty = schedule.invert(encode(model, image), null_text)
    if networks.task == "text":
        left = decode(model, schedule.left_alone(start))
        near = disparity_of_tensor(depth_model, left, preprocessing=preprocessing)
    elif disparity is None:
        disparity = predict_disparity(depth_model, image, preprocessing=preprocessing)
    if disparity is not None:
        near = stack_maps([disparity] * sampling.samples, model.device)
    return schedule.both_views(start, near, empty)


@torch.no_grad()
def one_image(networks: Networks, sampling: SamplingOptions) -> None:
    """Make single images: prompt, guided denoising, decoding."""
    model, depth = networks.model, None
    size = latent_size(model, sampling.height_px, sampling.width_px)
    if networks.task == "depth":
        disparity = predict_disparity(model.depth_model.model, photo(sampling.height_px))
        near = stack_maps([disparity] * sampling.samples, model.device)
        depth = depth_conditions(
            normalise(resize_to_latents(near, size)),
            latent_shift(relative_cells(near, size, PAPER), PAPER),
            PAPER,
        )
    run = start_run(model, embed_prompts(model, PROMPT, "", sampling, depth), sampling)
    start = seeded_noise(sampling.seeds, (model.channels, *size))
    tensor_to_images(decode(model, denoise_left(run, start.to(model.device)).final))
