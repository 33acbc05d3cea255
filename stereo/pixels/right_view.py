"""The right view of the preset `best`: warped at full size, holes filled by inpainting."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ldm.models.diffusion.ddpm import LatentDiffusion
from stereo.depth.parallax import pixels_to_cells
from stereo.fit import Fit
from stereo.method.denoise import LeftBranch
from stereo.method.latent_shift import latent_shift
from stereo.method.run import Run
from stereo.options import StereoOptions
from stereo.pixels.codec import decode, encode
from stereo.pixels.holes import fill_holes, fuse
from stereo.pixels.inpaint import Guide, first_inpainting_step, inpaint, right_noise, trust
from stereo.pixels.warp import warp_with_disparity

# From [-1, 1] to levels of 255.
LEVELS = 127.5


def warp_and_inpaint(
    model: LatentDiffusion,
    run: Run,
    pictures: np.ndarray,
    disparity_px: np.ndarray,
    clean: Tensor,
    branch: LeftBranch,
    *,
    options: StereoOptions,
    noise: Tensor,
) -> tuple[np.ndarray, np.ndarray]:
    """Make right views out of finished left ones; for `eye` left the views change their roles.

    Args:
        model: Stable Diffusion.
        run: its schedule and prompts.
        pictures: left views (n, H, W, 3) uint8, of any size.
        disparity_px: (n, H, W) float32, in pixels of those pictures.
        clean: (n, C, h, w) their latents.
        branch: their latents after each denoising step.
        options: of the stereo method.
        noise: (n, C, h, w) fresh unit noise for the holes.

    Returns:
        Right views (n, H, W, 3) uint8, and what of them was warped, (n, H, W) bool.
    """
    views = [
        fill_holes(*warp_with_disparity(*view, eye=options.eye), eye=options.eye)
        for view in zip(pictures, disparity_px, strict=True)
    ]
    filled, valid = (np.stack(values) for values in zip(*views, strict=True))
    first = first_inpainting_step(run.total, options)
    cells = pixels_to_cells(torch.from_numpy(disparity_px), clean.shape[2:])
    moved_noise = right_noise(
        branch.latents[first - 1],
        clean,
        run.alpha_before(first),
        latent_shift(cells, options).right.to(clean.device),
        noise,
        eye=options.eye,
    )
    guide = _guide(model, filled, valid, moved_noise)
    latents, predicted = inpaint(
        run,
        branch if options.shared_attention else None,
        guide,
        first,
        renoised=options.renoised_cells,
    )
    if options.weighed_holes:
        latents = torch.lerp(guide.clean, latents, trust(predicted, guide))
    change = LEVELS * (decode(model, latents) - decode(model, guide.clean))
    right = [fuse(*view) for view in zip(filled, valid, change, strict=True)]
    return np.stack(right), valid


def known_cells(valid: np.ndarray, size: tuple[int, int]) -> Tensor:
    """Return the latent cells (1, 1, h, w) that no hole of (H, W) touches."""
    holes = torch.from_numpy(~valid).float()[None, None]
    return F.adaptive_max_pool2d(holes, size) == 0


def _guide(model: LatentDiffusion, filled: np.ndarray, valid: np.ndarray, noise: Tensor) -> Guide:
    size, factor = noise.shape[2:], model.downsample_factor
    height, width = valid.shape[1:]
    frame = Fit((0, 0, width, height), (size[1] * factor, size[0] * factor))
    clean = torch.cat([encode(model, frame.image(view)) for view in filled])
    known = torch.cat([known_cells(view, size) for view in valid])
    return Guide(clean, known.to(noise.device), noise)
