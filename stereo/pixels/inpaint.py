"""Guided denoising: known cells of the right view follow the warped picture at every step.

Interpolated noise loses variance, so clean content and noise travel apart: the picture is warped
with sub-pixel precision and encoded, the left view's noise moves by whole cells and stays what
it is, and holes take fresh noise. At every step the known cells are set to that mixture at the
step's level (as in RePaint, Lugmayr et al., CVPR 2022); only the holes are the network's own.
"""

from contextlib import nullcontext
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from stereo.method.attention import replay_attention
from stereo.method.denoise import Denoiser, LeftBranch, left_attention
from stereo.method.shift import Eye, shift

BESIDE_CELLS = 3
# In the holes the network knows less than beside them, so its squared error there is larger. On 24
# Shapes scenes 2 gave better views than 1, in every metric (docs/results.md).
ERROR_IN_HOLES = 2.0


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
    run: Denoiser,
    branch: LeftBranch | None,
    guide: Guide,
    first: int,
    *,
    start: Tensor | None = None,
    share: bool = True,
    renoised: bool = True,
) -> tuple[Tensor, Tensor]:
    """Denoise right latents from step `first` on, looking at the left branch.

    Args:
        run: the denoiser.
        branch: `latents[i]` are the left latents after step i; not used without `share`.
        guide: what is known.
        first: the first step.
        start: latents (n, C, h, w) before it; None takes the guide's.
        share: switches the attention edit.
        renoised: keep the known cells at what is known, at every step.

    Returns:
        The right latents (n, C, h, w), and the clean ones that the first step predicted.
    """
    alphas = run.sampler.ddim_alphas
    right = guide.at(alphas[run.total - 1 - first]) if start is None else start
    foreseen = None
    for index in range(first, run.total):
        store = left_attention(run, branch, index) if share else None
        with replay_attention(run.self_attention, store) if store is not None else nullcontext():
            right, predicted = run.step(right, index, ("right",))
        foreseen = predicted if foreseen is None else foreseen
        if renoised:
            level = run.sampler.ddim_alphas_prev[run.total - 1 - index]
            right = torch.where(guide.known, guide.at(level), right)
        run.report("right", index, right, predicted)
    return right, foreseen


def trust(foreseen: Tensor, guide: Guide) -> Tensor:
    """Return how far what the network puts into the holes is to be trusted, (n, 1, 1, 1) in [0, 1].

    Beside the holes its prediction misses the known picture by its own error alone; in them it
    differs from the filling by its error and by the filling's. Of two such estimates the mean with
    the least squared error gives the network 1 - (its error in the holes) / (difference in them),
    and its error there is taken to be `ERROR_IN_HOLES` times that beside them.

    Args:
        foreseen: (n, C, h, w) clean latents, predicted with the same noise everywhere.
        guide: what is known.
    """
    squared = (foreseen - guide.clean).square().mean(1, keepdim=True)  # (n, 1, h, w)
    holes = (~guide.known).float()
    around = F.max_pool2d(holes, 2 * BESIDE_CELLS + 1, 1, BESIDE_CELLS) - holes
    error, difference = (
        (squared * where).sum((1, 2, 3)) / where.sum((1, 2, 3)).clamp_min(1)
        for where in (around, holes)
    )
    share = 1 - ERROR_IN_HOLES * error / difference.clamp_min(1e-12)
    return share.clamp(0, 1)[:, None, None, None]
