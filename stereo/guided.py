"""Guided denoising: known cells of the right view follow the warped picture at every step.

Interpolated noise loses variance, so clean content and noise travel apart: the picture is warped
with sub-pixel precision and encoded, the left view's noise moves by whole cells and stays what
it is, and holes take fresh noise. At every step the known cells are set to that mixture at the
step's level (as in RePaint, Lugmayr et al., CVPR 2022); only the holes are the network's own.
"""

from contextlib import nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor

from stereo.attention import replay_attention
from stereo.sampler import Denoiser, LeftBranch, left_attention
from stereo.shift import Eye, shift


@dataclass(frozen=True)
class Guide:
    """What is known of a right view, at latent size.

    Attributes:
        clean: (n, C, h, w) latents of the warped picture, its holes filled somehow.
        known: (n, 1, h, w) bool, cells without any hole.
        noise: (n, C, h, w) unit noise of the right view.
    """

    clean: Tensor
    known: Tensor
    noise: Tensor

    def at(self, alpha: float) -> Tensor:
        """Return the clean latents at the noise level of cumulative alpha."""
        return alpha**0.5 * self.clean + (1 - alpha) ** 0.5 * self.noise


def right_noise(
    left: Tensor,
    clean_left: Tensor,
    alpha: float,
    offset: Tensor,
    fresh: Tensor,
    *,
    eye: Eye = "right",
) -> Tensor:
    """Take the noise out of left latents (n, C, h, w) and move it to the right view.

    `offset` (n, h, w) int64 are whole cells, so unit variance stays; holes take `fresh` noise.
    With `eye` left the two views change their roles.
    """
    noise = (left - alpha**0.5 * clean_left) / (1 - alpha) ** 0.5
    moved, landed = shift(noise, offset, eye=eye)
    return torch.where(landed, moved, fresh.to(moved))


def denoise_guided(
    run: Denoiser, branch: LeftBranch, guide: Guide, first: int, *, share: bool = True
) -> Tensor:
    """Denoise right latents (n, C, h, w) from step `first` on, looking at the left branch.

    `branch.latents[i]` are the left latents after step i; `share` switches the attention edit.
    """
    alphas = run.sampler.ddim_alphas
    right = guide.at(alphas[run.total - 1 - first])
    for index in range(first, run.total):
        store = left_attention(run, branch, index) if share else None
        with replay_attention(run.unet, store) if store is not None else nullcontext():
            right, predicted = run.step(right, index, ("right",))
        level = run.sampler.ddim_alphas_prev[run.total - 1 - index]
        right = torch.where(guide.known, guide.at(level), right)
        run.report("right", index, right, predicted)
    return right
