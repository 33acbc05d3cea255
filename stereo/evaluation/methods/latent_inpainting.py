"""Latent inpainting: the same weights fill the warp's holes, without any stereo attention.

RePaint's way: at every step the known cells are replaced by the noised warp, and only holes keep
what the network made of them.
"""

import numpy as np
import torch
import torch.nn.functional as F

from stereo.evaluation.methods.diffusion import at_size
from stereo.evaluation.methods.generation import Models
from stereo.evaluation.methods.task import Rendering, Task
from stereo.pixels.holes import stretch_background


@torch.no_grad()
def latent_inpainting(task: Task, *, models: Models) -> Rendering:
    """Warp the left view, inpaint its holes by diffusion, and put the warp's own pixels back."""
    from stereo.method.conditioning import embed_prompts
    from stereo.method.run import start_run
    from stereo.noise import seeded_noise
    from stereo.pixels.codec import decode, encode, latent_size, tensor_to_images, whole_fit

    warped, valid = task.warped()
    filled = stretch_background(warped, valid)
    model, sampling = models.diffusion, models.generation.sampling()
    frame = whole_fit(model, filled.shape[1::-1], sampling)
    clean = encode(model, frame.image(filled))
    size = latent_size(model, *frame.size_px[::-1])
    known = _known_cells(frame.map(valid.astype(np.float32)), size).to(clean.device)
    noise = seeded_noise(sampling.seeds, (model.channels, *size)).to(clean)
    prompt = task.prompt if models.generation.prompted else ""
    run = start_run(model, embed_prompts(model, prompt, "", sampling), sampling)
    latents = noise
    for index in range(run.total):
        noised = run.sampler.stochastic_encode(clean, run.total - 1 - index, noise=noise)
        latents = torch.where(known, noised, latents)
        latents, _ = run.step(latents, index, ("right",))
    (picture,) = tensor_to_images(decode(model, torch.where(known, clean, latents)))
    painted, _ = at_size(picture, valid, valid.shape)
    return Rendering(np.where(valid[..., None], warped, painted), valid)


def _known_cells(valid: np.ndarray, size: tuple[int, int]) -> torch.Tensor:
    """Return (1, 1, h, w) bool: cells without any hole pixel."""
    return F.adaptive_avg_pool2d(torch.from_numpy(valid)[None, None], size) > 0.99
