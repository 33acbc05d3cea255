"""Latent inpainting: the same weights fill the warp's holes, without any stereo attention."""

import numpy as np
import torch
import torch.nn.functional as F

from stereo.evaluation.methods.diffusion import resize_view
from stereo.evaluation.methods.models import Models
from stereo.evaluation.methods.rendering import Rendering, RenderingTask
from stereo.method.conditioning import embed_prompts
from stereo.method.run import start_run
from stereo.noise import seeded_noise
from stereo.pixels.codec import decode, encode, latent_size, tensor_to_images, whole_fit
from stereo.pixels.holes import stretch_background
from stereo.pixels.inpaint import Guide, inpaint


@torch.no_grad()
def latent_inpainting(task: RenderingTask, *, models: Models) -> Rendering:
    """Warp the left view, inpaint its holes by diffusion, and put the warp's own pixels back."""
    warped, valid = task.warp()
    filled = stretch_background(warped, valid)
    model, sampling = models.diffusion, models.generation.sampling()
    frame = whole_fit(model, filled.shape[1::-1], sampling)
    clean = encode(model, frame.image(filled))
    size = latent_size(model, *frame.size_px[::-1])
    whole = _cells_without_holes(frame.map(valid.astype(np.float32)), size).to(clean.device)
    noise = seeded_noise(sampling.seeds, (model.channels, *size)).to(clean)
    prompt = task.prompt if models.generation.prompted else ""
    run = start_run(model, embed_prompts(model, prompt, "", sampling), sampling)
    guide = Guide(clean, whole, noise)
    start = torch.where(whole, guide.at(run.alpha_before(0)), noise)
    latents, _ = inpaint(run, None, guide, 0, start=start)
    (picture,) = tensor_to_images(decode(model, torch.where(whole, clean, latents)))
    painted, _ = resize_view(picture, valid, valid.shape)
    return Rendering(np.where(valid[..., None], warped, painted), valid)


def _cells_without_holes(valid: np.ndarray, size: tuple[int, int]) -> torch.Tensor:
    """Return (1, 1, h, w) bool: cells that hold no hole pixel."""
    return F.adaptive_avg_pool2d(torch.from_numpy(valid)[None, None], size) > 0.99
