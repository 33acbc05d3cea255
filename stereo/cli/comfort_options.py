"""The scripts' options for strength, the eyes and comfort; like `cli_options`, without torch."""

import argparse
from typing import Any

from stereo.comfort.limits import Viewing

RULES = ("degree", "zone")
STRENGTHS = ("scale_factor", "max_disparity_px", "comfort")


def add_comfort_options(parser: argparse.ArgumentParser) -> None:
    """Declare how strong the depth is, which eye is made, and for which display."""
    group = parser.add_argument_group("strength and comfort")
    group.add_argument(
        "--max_disparity_px",
        type=float,
        metavar="PX",
        help="largest shift in pixels of the result, instead of --scale_factor",
    )
    group.add_argument(
        "--comfort",
        nargs="?",
        const=RULES[0],
        choices=RULES,
        metavar="RULE",
        help="instead of --scale_factor the largest strength that is comfortable to see: degree, "
        "within 1 degree of the screen (Lambooij et al. 2009; taken without RULE), or zone, the "
        "zone of comfort of Shibata et al. 2011",
    )
    for name, what in (
        ("--display_width_cm", "width of the picture on the display"),
        ("--viewing_distance_cm", "from the eyes to the display"),
    ):
        group.add_argument(
            name,
            type=float,
            default=getattr(Viewing, name.removeprefix("--")),
            metavar="CM",
            help=f"{what}, for the comfort report and --comfort",
        )
    group.add_argument(
        "--eye",
        choices=("right", "left", "both"),
        help="whose view is made anew; both = --shift_both (default: right)",
    )
    group.add_argument(
        "--mask_window",
        action="store_true",
        default=None,
        help="black strips where a side of the display cuts what stands in front of it",
    )


def share_or_auto(text: str) -> float | str:
    """Parse a convergence: a number, or `auto`."""
    if text == "auto":
        return text
    try:
        return float(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(
            f"got {text!r}, expected a number from 0 to 1, or auto"
        ) from error


def comfort_changes(args: argparse.Namespace) -> dict[str, Any]:
    """Return what the options change of a preset, None where it stays as it is.

    Raises:
        ValueError: for options that contradict each other.
    """
    given = [name for name in STRENGTHS if getattr(args, name) is not None]
    if len(given) > 1:
        raise ValueError(f"{given[1]}: not together with --{given[0]}, each sets the strength")
    both = None if args.eye is None else args.eye == "both"
    if both is not None and args.shift_both not in (None, both):
        raise ValueError(f"eye: got {args.eye!r}, which contradicts --shift_both")
    return {
        "max_disparity_px": args.max_disparity_px,
        "comfort": args.comfort,
        "display_width_cm": args.display_width_cm,
        "viewing_distance_cm": args.viewing_distance_cm,
        "eye": args.eye if args.eye == "left" else None,
        "shift_both": args.shift_both if both is None else both,
        "mask_window": args.mask_window,
    }
