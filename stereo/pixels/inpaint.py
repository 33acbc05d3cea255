"""Inpainting by denoising: known cells of the right view follow the warped picture at every step.

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

from stereo.method.denoise import LeftBranch, denoise
from stereo.method.run import Run
from stereo.method.shift import shift
from stereo.options import Eye, StereoOptions

BESIDE_CELLS = 3
# In the holes the network knows less than beside them, so its squared error there is larger. On 24
# Shapes scenes 2 gave better views than 1, in every metric (docs/results.md).
ERROR_IN_HOLES = 2.0


def first_inpainting_step(total: int, options: StereoOptions) -> int:
    """Return the 0-based step at which inpainting sets out, at least 1.

    Raises:
        ValueError: when there is no step beside the first.
    """
    if total < 2:
        raise ValueError(f"steps: got {total} to run, expected 2 or more to fill holes in (best)")
    return min(max(1, round(options.guided_start * total)), total - 1)


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


def inpaint(
    run: Run,
    branch: LeftBranch | None,
    guide: Guide,
    first: int,
    *,
    start: Tensor | None = None,
    renoised: bool = True,
) -> tuple[Tensor, Tensor]:
    """Denoise right latents from step `first` on, attending to the left branch.

    Args:
        run: the denoiser.
        branch: `latents[i]` are the left latents after step i; None: no attention edit.
        guide: what is known.
        first: the first step.
        start: latents (n, C, h, w) before it; None takes the guide's.
        renoised: set the known cells to what is known, at every step.

    Returns:
        The right latents (n, C, h, w), and the clean ones that the first step predicted.
    """

    def keep_known(index: int, right: Tensor) -> Tensor:
        return torch.where(guide.known, guide.at(run.alpha_after(index)), right)

    def unchanged(index: int, right: Tensor) -> Tensor:
        return right

    right = guide.at(run.alpha_before(first)) if start is None else start
    first_prediction = None
    for step in denoise(
        run,
        right,
        range(first, run.total),
        ("right",),
        stage="right",
        edit=branch.replay(run) if branch is not None else lambda index: nullcontext(),
        blend=keep_known if renoised else unchanged,
    ):
        right = step.latents
        first_prediction = step.predicted if first_prediction is None else first_prediction
    return right, first_prediction


def trust(predicted: Tensor, guide: Guide) -> Tensor:
    """Return how far what the network puts into the holes is to be trusted, (n, 1, 1, 1) in [0, 1].

    Next to a hole we can measure the network's squared error e; inside it we only see its squared
    difference d from the classical fill. Minimum-variance averaging gives the network the weight
    1 - `ERROR_IN_HOLES` * e / d.

    Args:
        predicted: (n, C, h, w) clean latents, predicted with the same noise everywhere.
        guide: what is known.
    """
    squared = (predicted - guide.clean).square().mean(1, keepdim=True)  # (n, 1, h, w)
    holes = (~guide.known).float()
    around = F.max_pool2d(holes, 2 * BESIDE_CELLS + 1, 1, BESIDE_CELLS) - holes
    error, difference = (
        (squared * where).sum((1, 2, 3)) / where.sum((1, 2, 3)).clamp_min(1)
        for where in (around, holes)
    )
    share = 1 - ERROR_IN_HOLES * error / difference.clamp_min(1e-12)
    return share.clamp(0, 1)[:, None, None, None]
