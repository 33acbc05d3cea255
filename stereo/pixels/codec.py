"""Between pictures and latents: the size that a model works at, encode, decode."""

import numpy as np
import torch
from torch import Tensor

from ldm.models.diffusion.ddpm import LatentDiffusion
from stereo.fit import (
    Fit,
    covering_fit,
    multiple_fit,
    published_square_fit,
    published_stretched_fit,
)
from stereo.options import SIZE_MULTIPLE_PX, SamplingOptions, StereoOptions, Task


def model_side_px(model: LatentDiffusion) -> int:
    """Return the side of the square pictures that a model was made for."""
    return model.image_size * model.downsample_factor


def picture_size(model: LatentDiffusion, sampling: SamplingOptions) -> tuple[int, int]:
    """Return (height, width) in pixels of a picture made from a prompt."""
    side = model_side_px(model)
    return sampling.height_px or side, sampling.width_px or side


def fit_to_model(
    model: LatentDiffusion,
    image: np.ndarray,
    sampling: SamplingOptions,
    options: StereoOptions,
    task: Task = "image",
) -> Fit:
    """Plan how an image (H, W, 3) is cropped and resized for the model.

    Without a chosen size its proportions are kept, with the model's own side as the short one;
    the published code, which knows one size, makes a square of it.
    """
    height, width = image.shape[:2]
    if options.fusion:
        # The picture itself is only warped, so all of it has to be covered.
        return whole_fit(model, (width, height), sampling)
    side, chosen = model_side_px(model), picture_size(model, sampling)
    if options.published_bookkeeping and chosen == (side, side):
        published_fit = published_stretched_fit if task == "depth" else published_square_fit
        return published_fit(width, height, size_px=side)
    if sampling.height_px or sampling.width_px:
        return covering_fit(width, height, size_px=chosen[::-1])
    return multiple_fit(width, height, size_px=side, multiple=SIZE_MULTIPLE_PX)


def whole_fit(model: LatentDiffusion, size_px: tuple[int, int], sampling: SamplingOptions) -> Fit:
    """Plan how a whole picture (width, height) is resized for the model, a little stretched."""
    if sampling.height_px or sampling.width_px:
        fitted = picture_size(model, sampling)[::-1]
    else:
        fitted = multiple_fit(
            *size_px, size_px=model_side_px(model), multiple=SIZE_MULTIPLE_PX
        ).size_px
    return Fit((0, 0, *size_px), fitted)


def latent_size(model: LatentDiffusion, height_px: int, width_px: int) -> tuple[int, int]:
    """Return (h, w) of the latents of a picture."""
    return height_px // model.downsample_factor, width_px // model.downsample_factor


def image_to_tensor(image: np.ndarray, device: torch.device) -> Tensor:
    """Turn (H, W, 3) uint8 into (1, 3, H, W) float32 in [-1, 1]."""
    pixels = torch.from_numpy(np.ascontiguousarray(image)).to(device)
    return pixels.permute(2, 0, 1).unsqueeze(0).float() / 127.5 - 1  # (1, 3, H, W)


def tensor_to_images(images: Tensor) -> np.ndarray:
    """Turn (n, 3, H, W) in [-1, 1] into (n, H, W, 3) uint8; values outside are clamped."""
    pixels = (images.float().clamp(-1, 1) + 1) * 127.5
    return pixels.round().to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()


def encode(model: LatentDiffusion, image: np.ndarray) -> Tensor:
    """Encode (H, W, 3) uint8 to the posterior's mean, scaled: (1, C, h, w) float32."""
    autoencoder = model.first_stage_model
    pixels = image_to_tensor(image, model.device).to(next(autoencoder.parameters()).dtype)
    posterior = model.encode_first_stage(pixels)
    return model.get_first_stage_encoding(posterior, sample=False).float()


def decode(model: LatentDiffusion, latents: Tensor) -> Tensor:
    """Decode (n, C, h, w) to (n, 3, H, W) in about [-1, 1], one by one to save memory."""
    dtype = next(model.first_stage_model.parameters()).dtype
    pictures = [model.decode_first_stage(latent.to(dtype)) for latent in latents.split(1)]
    return torch.cat(pictures).float()
