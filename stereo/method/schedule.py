"""When and by how much latents are shifted: the steps, and one disparity's offsets in cells."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from stereo.depth.parallax import screen_plane
from stereo.method.conditioning import View
from stereo.method.shift import Eye, fill_with_background, normalise, offsets_px, shift
from stereo.options import StereoOptions

PUBLISHED_REFRESH_EVERY = 10
EYES: tuple[Eye, Eye] = ("left", "right")


@dataclass(frozen=True)
class ShiftSteps:
    """0-based step indices: the shift happens after `shift`, re-applications after `refresh`."""

    total: int
    shift: int
    refresh: frozenset[int]


def shift_steps(total: int, options: StereoOptions) -> ShiftSteps:
    """Place the shift and its re-applications in a run of `total` steps (Sec. 3.2).

    Of 50 steps: shift after step 10, masked re-application after 20, 30 and 40. Other step
    counts keep these fifths; the published bookkeeping keeps the absolute numbers.
    """
    fifth = PUBLISHED_REFRESH_EVERY if options.published_bookkeeping else max(1, total // 5)
    first = min(fifth, total - 1) if options.shift_step is None else options.shift_step
    refresh = range(fifth, total, fifth) if options.masked_denoising else ()
    if not options.published_bookkeeping:
        # As in 50 steps, the last fifth runs free.
        refresh = [step for step in refresh if step <= total - fifth]
    return ShiftSteps(total, first, frozenset(step for step in refresh if step > first))


def record_after(total: int, options: StereoOptions) -> int | None:
    """Return the step after which a left branch keeps what a right view beside it looks at."""
    if not (options.left_stands_alone and options.shared_attention):
        return None
    if options.is_wasteful:
        return None
    return (
        first_guided_step(total, options) - 1
        if options.fusion
        else shift_steps(total, options).shift
    )


def trunk_steps(total: int, options: StereoOptions) -> int:
    """Return how many steps one view is denoised for both, before the right one branches off."""
    shared = shift_steps(total, options).shift + 1
    return 0 if options.is_wasteful and shared <= total else shared


def first_guided_step(total: int, options: StereoOptions) -> int:
    """Return the 0-based step at which a guided right view sets out, at least 1.

    Raises:
        ValueError: when there is no step beside the first.
    """
    if total < 2:
        raise ValueError(f"steps: got {total} to run, expected 2 or more to fill holes in (best)")
    return min(max(1, round(options.guided_start * total)), max(total - 1, 1))


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

    def disparity(self) -> Tensor:
        """Return (n, h, w), by how many cells the second view's content lies further left."""
        return -self.right if self.left is None else self.left - self.right

    def reapply(self, left: Tensor, right: Tensor, valid: Tensor) -> Tensor:
        """Write the shifted left latents into the right ones wherever the shift lands."""
        shifted, landed = shift(left, self.refresh, eye=self.eyes[1])
        return torch.where(valid if self.frozen_mask else landed, shifted, right)


def latent_shift(disparity: Tensor, size: tuple[int, int], options: StereoOptions) -> LatentShift:
    """Turn disparity (n, H, W) of the left view into offsets at latent size (h, w).

    Bicubic resizing without antialiasing and the min-max normalisation after it are the
    published ones.
    """
    near = normalise(resize_disparity(disparity, size), options.normalisation)
    scale = options.scale_percent / 100 * size[1] * (1 if options.eye == "right" else -1)
    eyes = EYES if scale >= 0 else EYES[::-1]
    plane = screen_plane(near, options, abs(options.scale_percent), size[1])
    before = near - plane  # positive in front of the screen
    if not options.shift_both:
        right = offsets_px(before, -scale, options.rounding)
        return LatentShift(right, None, right, options.published_bookkeeping, eyes)
    left = offsets_px(before, scale / 2, options.rounding)
    right = offsets_px(before, -scale / 2, options.rounding)
    refresh = right
    if not options.published_bookkeeping:
        # The moved left view has a disparity of its own: the old one, moved along with it.
        refresh = offsets_px(_move_map(near, left, eyes[0]) - plane, -scale, options.rounding)
    return LatentShift(right, left, refresh, options.published_bookkeeping, eyes)


def exact_shift(disparity_px: Tensor, size: tuple[int, int], options: StereoOptions) -> LatentShift:
    """Turn disparity (n, H, W), in pixels of that width, into offsets at latent size (h, w)."""
    cells = resize_disparity(disparity_px, size) * (size[1] / disparity_px.shape[-1])
    towards, eyes = (-1, EYES) if options.eye == "right" else (1, EYES[::-1])
    offsets = offsets_px(cells, towards, options.rounding)
    return LatentShift(offsets, None, offsets, False, eyes)


def resize_disparity(disparity: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize disparity (n, H, W) to (h, w), bicubic, corners not aligned, no antialiasing."""
    resized = F.interpolate(disparity.float().unsqueeze(1), size, mode="bicubic")
    return resized.squeeze(1)


def depth_conditions(
    disparity: Tensor, size: tuple[int, int], plan: LatentShift, options: StereoOptions
) -> dict[View, Tensor]:
    """Return each view's depth map (n, 1, h, w) in [-1, 1], near = 1, for a depth-conditioned UNet.

    As published, every image is scaled by its own extremes after bicubic resizing, and all views
    get the same map. With `warp_depth_condition` each view is shown its own depth instead, as the
    left view's would hold the right one's objects back.
    """
    near = normalise(resize_disparity(disparity, size))
    views: dict[View, Tensor] = {"trunk": near, "left": near, "right": near}
    if options.warp_depth_condition:
        views["right"] = _move_map(near, plan.right, plan.eyes[1])
        if plan.left is not None:
            views["left"] = _move_map(near, plan.left, plan.eyes[0])
    return {view: (depth * 2 - 1).unsqueeze(1) for view, depth in views.items()}


def _move_map(near: Tensor, offset: Tensor, eye: Eye) -> Tensor:
    """Shift a near-is-large map (n, h, w) by offsets and continue the background into its holes."""
    moved, landed = shift(near.unsqueeze(1), offset, eye=eye)
    return fill_with_background(moved, landed).squeeze(1)
