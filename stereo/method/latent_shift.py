"""From disparity to shifted latents: the split into two views, and its masked re-application."""

from dataclasses import dataclass

import torch
from torch import Tensor

from stereo.method.shift import fill_with_background, round_cells, shift
from stereo.options import Eye, StereoOptions

EYES: tuple[Eye, Eye] = ("left", "right")


@dataclass(frozen=True)
class LatentShift:
    """One disparity at latent size, ready to be applied to any left latents.

    Attributes:
        right: (n, h, w) offsets from the undivided view to the right one, leftward for what
            stands in front of the screen.
        left: the same to the left view, when both views move; else None.
        refresh: offsets from the left view as it is after the split to the right one.
        frozen_mask: re-applications write where the first shift landed, as published, and not
            where they land themselves.
        eyes: which eyes' views come out, left first; a negative scale exchanges them, and so
            does a left eye made out of the right one.
    """

    right: Tensor
    left: Tensor | None
    refresh: Tensor
    frozen_mask: bool
    eyes: tuple[Eye, Eye] = EYES

    def split(self, latents: Tensor, hole_noise: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        """Make left and right latents (n, C, h, w) and the right view's valid mask (n, 1, h, w).

        Holes are zero, or take `hole_noise` (n, C, h, w). The left view's holes, which exist
        only when both views move, stay zero under the published bookkeeping.
        """
        right, valid = shift(latents, self.right, eye=self.eyes[1])
        if hole_noise is not None:
            right = torch.where(valid, right, hole_noise.to(right))
        if self.left is None:
            return latents, right, valid
        left, left_valid = shift(latents, self.left, eye=self.eyes[0])
        if hole_noise is not None and not self.frozen_mask:
            left = torch.where(left_valid, left, hole_noise.to(left))
        return left, right, valid

    def reapply(self, left: Tensor, right: Tensor, valid: Tensor) -> Tensor:
        """Write the shifted left latents into the right ones wherever the shift lands."""
        shifted, landed = shift(left, self.refresh, eye=self.eyes[1])
        return torch.where(valid if self.frozen_mask else landed, shifted, right)

    def disparity_cells(self) -> Tensor:
        """Return (n, h, w), by how many cells the second view's content lies further left."""
        return -self.right if self.left is None else self.left - self.right


def latent_shift(disparity_cells: Tensor, options: StereoOptions) -> LatentShift:
    """Turn disparity (n, h, w) of the left view, in cells, into the offsets of both views.

    Disparity is positive in front of the screen; a negative `scale_percent` has turned its sign
    and exchanges the eyes.
    """
    toward_right = options.eye == "right"
    eyes = EYES if toward_right == (options.scale_percent >= 0) else EYES[::-1]
    offset_cells = -disparity_cells if toward_right else disparity_cells
    if not options.shift_both:
        right = round_cells(offset_cells, options.rounding)
        return LatentShift(right, None, right, options.published_bookkeeping, eyes)
    left = round_cells(-offset_cells / 2, options.rounding)
    right = round_cells(offset_cells / 2, options.rounding)
    refresh = right
    if not options.published_bookkeeping:
        # The moved left view has a disparity of its own: the old one, moved along with it.
        sign = 1 if options.scale_percent >= 0 else -1  # nearer is larger in sign * disparity
        moved_cells = sign * move_map(sign * disparity_cells, left, eyes[0])
        refresh = round_cells(-moved_cells, options.rounding)
    return LatentShift(right, left, refresh, options.published_bookkeeping, eyes)


def move_map(near: Tensor, offset: Tensor, eye: Eye) -> Tensor:
    """Shift a near-is-large map (n, h, w) by offsets and continue the background into its holes."""
    moved, landed = shift(near.unsqueeze(1), offset, eye=eye)
    return fill_with_background(moved, landed).squeeze(1)
