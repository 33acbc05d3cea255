"""What is run: a pair, one single image, the pair on the published schedule."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch

from stereo.benchmark.networks import Networks
from stereo.depth.disparity import predict_disparity
from stereo.method.conditioning import depth_conditions, embed_prompts
from stereo.method.denoise import denoise_left
from stereo.method.latent_shift import latent_shift
from stereo.method.run import start_run
from stereo.noise import seeded_noise
from stereo.options import SamplingOptions, StereoOptions
from stereo.pipelines import depth_to_stereo, images_to_stereo, text_to_stereo
from stereo.pixels.codec import decode, latent_size, tensor_to_images
from stereo.runtime.guidance import PUBLISHED_GUIDANCE
from stereo.stages import stack_map

PROMPT = "a red sphere in front of a blue box on a wooden floor"
PLAIN = StereoOptions()
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


def sampling_of(networks: Networks, *, size_px: int, steps: int, samples: int) -> SamplingOptions:
    """Return the workflow's published guidance at a size."""
    return SamplingOptions(
        steps=steps,
        guidance_scale=PUBLISHED_GUIDANCE[networks.task],
        samples=samples,
        height_px=size_px,
        width_px=size_px,
    )


def pair(
    networks: Networks, options: StereoOptions, sampling: SamplingOptions
) -> Callable[[], None]:
    """Return a function that makes the pairs of `sampling`."""
    image = photo(sampling.height_px)

    def text() -> None:
        text_to_stereo(
            networks.model, networks.depth_model, PROMPT, options=options, sampling=sampling
        )

    def depth() -> None:
        depth_to_stereo(networks.model, image, PROMPT, options=options, sampling=sampling)

    def picture() -> None:
        # Null-text inversion takes photos one by one.
        together = sampling.samples if options.inversion == "direct" else 1
        for _ in range(0, sampling.samples, together):
            images_to_stereo(
                networks.model,
                networks.depth_model,
                [image] * together,
                range(together),
                options=options,
                sampling=replace(sampling, samples=1),
            )

    return {"text": text, "depth": depth, "image": picture}[networks.task]


def published_pair(networks: Networks, sampling: SamplingOptions) -> Callable[[], None]:
    """Return a function that makes the pairs as the published code does, pass by pass."""
    return pair(networks, replace(PLAIN, schedule="published"), sampling)


def one_image(networks: Networks, sampling: SamplingOptions) -> Callable[[], None]:
    """Return a function that makes single images: prompt, guided denoising, decoding."""
    image = photo(sampling.height_px)

    @torch.no_grad()
    def work() -> None:
        model, depth = networks.model, None
        size = latent_size(model, sampling.height_px, sampling.width_px)
        if networks.task == "depth":
            found = predict_disparity(model.depth_model.model, image)
            near = stack_map(found, sampling.samples, model.device)
            depth = depth_conditions(near, size, latent_shift(near, size, PLAIN), PLAIN)
        run = start_run(model, embed_prompts(model, PROMPT, "", sampling, depth), sampling)
        start = seeded_noise(sampling.seeds, (model.channels, *size))
        branch = denoise_left(run, start.to(model.device))
        tensor_to_images(decode(model, branch.final))

    return work
