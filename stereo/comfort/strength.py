"""The strength of a pair's depth, from what pixels or a comfort rule ask for."""

import logging
from dataclasses import replace

from stereo.comfort.limits import (
    MAX_STRENGTH_PERCENT,
    Limits,
    comfortable_strength,
    limits,
    whole_steps,
)
from stereo.comfort.options import ComfortOptions
from stereo.options import StereoOptions

log = logging.getLogger(__name__)


def with_strength(
    options: StereoOptions, comfort: ComfortOptions, *, width_px: int, cells: int
) -> StereoOptions:
    """Return options with the strength and the parallax limits that `comfort` asks for.

    Args:
        options: of the stereo method.
        comfort: what sets the strength; `scale_percent` stays where nothing does.
        width_px: width of the result.
        cells: columns of the latents, of which whole-cell shifts move a whole number.

    Raises:
        ValueError: when more than half of the width is asked for, or when whole cells are too
            coarse for any comfortable shift.
    """
    allowed = allowed_limits(options, comfort, cells)
    options = replace(
        options, parallax_limits_percent=(allowed.crossed_percent, allowed.uncrossed_percent)
    )
    if comfort.max_disparity_px is not None:
        percent = comfort.max_disparity_px / width_px * 100
        if percent > MAX_STRENGTH_PERCENT:
            raise ValueError(
                f"max_disparity_px: got {comfort.max_disparity_px:g} at {width_px} px, "
                "expected at most half of the width"
            )
        return replace(options, scale_percent=percent)
    if comfort.comfort == "none":
        return options
    strength = comfortable_strength(
        allowed, None if options.convergence == "auto" else options.convergence
    )
    if not strength:
        smallest = _step_percent(options, cells)
        raise ValueError(
            f"comfort: no shift of whole latent cells, {smallest:.2g} % of the width, is small "
            "enough; take --preset best, a larger --W or a larger --viewing_distance_cm"
        )
    log.info("comfort: strength %.3g %% of the width", strength)
    return replace(options, scale_percent=strength)


def allowed_limits(options: StereoOptions, comfort: ComfortOptions, cells: int) -> Limits:
    """Return the limits of the rule; for a chosen one rounded down to what whole cells can show."""
    allowed = limits(comfort.rule, comfort)
    if comfort.comfort == "none":
        return allowed
    return whole_steps(allowed, _step_percent(options, cells))


def _step_percent(options: StereoOptions, cells: int) -> float:
    """Return the smallest shift in percent of the width, 0 where it can be as small as you like."""
    if options.fusion or options.rounding == "subpixel":
        return 0.0
    return 100 / cells * (2 if options.shift_both else 1)
