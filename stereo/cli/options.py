"""The options of the three scripts, and how they become the package's dataclasses.

Nothing here imports torch, so that `--help` and a mistyped option are answered at once.
"""

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from dataclasses import astuple, replace
from pathlib import Path
from typing import get_args

from stereo.cli.command import OneLineParser
from stereo.cli.fields import add_fields, options_of, typed
from stereo.cli.groups import BatchOptions, MapOptions, ModelOptions
from stereo.cli.types import whole_number
from stereo.comfort.options import ComfortOptions, Rule, Viewing
from stereo.depth.baseline import BaselineOptions
from stereo.formats.names import DEFAULT_NAMES, NAMES
from stereo.formats.registry import DEFAULT_FORMATS, FORMATS
from stereo.formats.wiggle import WIGGLE_PX
from stereo.options import (
    DEFAULT_PRESET,
    PRESETS,
    NullTextOptions,
    SamplingOptions,
    StereoOptions,
    Task,
)
from stereo.runtime.guidance import EMBEDDED_GUIDANCE, PUBLISHED_GUIDANCE

# As published: full and autocast.
PRECISIONS = {"fp32": "fp32", "fp16": "fp16", "bf16": "bf16", "full": "fp32", "autocast": "fp16"}
BEST_ALONE = (
    "baseline_cm",
    "metric_disparity",
    "guided_start",
    "weighed_holes",
    "edge_dilation_percent",
    "refined_edges",
)
FINE_DILATION_PERCENT = 0.2
USUAL_DISPLAY = astuple(Viewing())
STRENGTHS = ("scale_percent", "max_disparity_px", "comfort", "baseline_cm")
SHAPES_PROMPT = "a red sphere in front of a blue box on a wooden floor"
# Options of the method that the command line has; the others are for ablations.
METHOD = ("direction", "scale_percent", "shift_both", "deblur", "convergence")
METHOD += ("guided_start", "weighed_holes", "edge_dilation_percent", "refined_edges")
# What `--help` shows; `--help_all` has the rest.
MAIN = ("img_path", "init_img", "prompt", "preset", "scale_percent", "comfort", "disparity")
MAIN += ("samples", "steps", "seed", "format", "outdir")
OUTDIRS = {"text": "txt2stereoimg", "depth": "depth2stereoimg", "image": "img2stereo"}
PUBLISHED_SEEDS = {"text": 24, "depth": 42, "image": 42}


def make_parser(description: str, task: Task) -> OneLineParser:
    """Return a parser with all options of a workflow but those of its picture."""
    parser = OneLineParser(description, MAIN)
    is_photo = task == "image"
    parser.add_argument(
        "--prompt",
        default="" if is_photo else SHAPES_PROMPT,
        metavar="TEXT",
        help="description of the picture (default: none)" if is_photo else "what to show",
    )
    parser.add_argument(
        "--from-file",
        "--from_file",
        type=Path,
        metavar="PATH",
        help="one prompt a line, instead of --prompt: a text file, a folder of them or a pattern",
    )
    add_fields(parser.add_argument_group("models"), ModelOptions)
    _add_sampling(parser, task)
    group = parser.add_argument_group("stereo")
    about = "as the published code, as the paper, or the best that this program can do"
    group.add_argument("--preset", choices=tuple(PRESETS), default=DEFAULT_PRESET, help=about)
    add_fields(group, StereoOptions, *METHOD)
    add_fields(group, MapOptions)
    _add_comfort(parser)
    group = parser.add_argument_group("output")
    outdir = Path("outputs", f"{OUTDIRS[task]}-samples")
    group.add_argument(
        "--outdir", type=Path, default=outdir, metavar="FOLDER", help="for the results"
    )
    group.add_argument(
        "--format",
        action="append",
        choices=tuple(FORMATS),
        metavar="NAME",
        help=f"repeatable; one of {', '.join(FORMATS)} (default: {' '.join(DEFAULT_FORMATS)})",
    )
    group.add_argument(
        "--names",
        choices=NAMES,
        default=DEFAULT_NAMES,
        help="how files are called, for players that go by it; stereo/formats/names.py has them",
    )
    group.add_argument(
        "--wiggle_px",
        type=whole_number,
        metavar="PX",
        help=f"longest side of gif and webp, at most (default: {WIGGLE_PX})",
    )
    group.add_argument(
        "--viewer", action="store_true", help="and a page to look at each pair, --format viewer"
    )
    group.add_argument("-v", "--verbose", action="store_true", help="more messages, tracebacks")
    return parser


def _add_sampling(parser: ArgumentParser, task: Task) -> None:
    group = parser.add_argument_group("sampling")
    names = ["steps", "eta", "height_px", "width_px"]
    batch = ["n_iter", "fixed_code", "n_rows", "skip_existing", "devices"]
    guidance = f"{PUBLISHED_GUIDANCE[task]:g}"
    if task == "image":
        batch = ["photos_at_once", "skip_existing", "devices"]
        add_fields(group, NullTextOptions, "inner_steps")
        add_fields(group, StereoOptions, "inversion")
    else:
        names += ["samples"]
        guidance += f"; {EMBEDDED_GUIDANCE:g} with the embedded model"
        group.add_argument(
            "--negative_prompt", default="", metavar="TEXT", help="what guidance leads away from"
        )
    add_fields(group, SamplingOptions, *names)
    add_fields(
        group, SamplingOptions, "guidance_scale", help=f"guidance scale (default: {guidance})"
    )
    add_fields(group, SamplingOptions, "seed", default=PUBLISHED_SEEDS[task])
    add_fields(group, BatchOptions, *batch)


def _add_comfort(parser: ArgumentParser) -> None:
    group = parser.add_argument_group("strength and comfort")
    rules = get_args(Rule)
    add_fields(
        group, ComfortOptions, "comfort", nargs="?", const=rules[0], choices=rules, metavar="RULE"
    )
    names = ("max_disparity_px", "display_width_cm", "viewing_distance_cm", "borders")
    add_fields(group, ComfortOptions, *names)
    group.add_argument(
        "--mask_window",
        dest="borders",
        action="store_const",
        const="window",
        help="the same as --borders window",
    )
    add_fields(group, BaselineOptions)
    group.add_argument(
        "--eye",
        choices=("right", "left", "both"),
        help="whose view is made anew; both = --shift_both (default: right)",
    )


def parse(parser: ArgumentParser, arguments: Sequence[str] | None) -> Namespace:
    """Parse, and refuse options that make no sense together."""
    args = parser.parse_args(arguments)
    if args.depth and args.metric_disparity:
        parser.error("argument --metric_disparity: not with --depth, whose metres are no pixels")
    flag = "map"
    for name, kind in (("depth", "depth"), ("metric_disparity", "disparity_px")):
        if getattr(args, name):
            if args.map not in (None, kind):
                parser.error(f"argument --{name}: not with --map {args.map}")
            args.map, flag = kind, name
    if args.map and args.disparity is None:
        parser.error(f"argument --{flag}: says what --disparity MAP holds, which is missing")
    args.metric_disparity = args.map == "disparity_px" or None
    args.format = [*(args.format or DEFAULT_FORMATS), *(["viewer"] if args.viewer else [])]
    return args


def stereo_options(args: Namespace) -> StereoOptions:
    """Return the preset with the given options on top.

    Raises:
        ValueError: for options out of range, or that contradict each other.
    """
    both = None if args.eye is None else args.eye == "both"
    if both is not None and args.shift_both not in (None, both):
        raise ValueError(f"eye: got {args.eye!r}, which contradicts --shift_both")
    changes = {
        "eye": "left" if args.eye == "left" else None,
        "shift_both": args.shift_both if both is None else both,
    }
    if args.baseline_cm is not None and args.convergence is None:
        changes["convergence"] = 0.0  # real cameras place the screen themselves
    options = options_of(StereoOptions, args, **changes)
    for name in BEST_ALONE:
        if getattr(args, name) is not None and not options.fusion:
            raise ValueError(
                f"{typed(name)}: got it with --preset {args.preset}, expected --preset best, which "
                "alone works at the picture's own size"
            )
    return options


def fine_edges(args: Namespace, options: StereoOptions) -> StereoOptions:
    """Return options for maps of networks other than DPT files, whose edges are nearly sharp.

    `best` then fits them to the picture and widens them less, unless told otherwise
    (docs/results.md, "Predicted maps").
    """
    if not options.fusion:
        return options
    fine = {"refined_edges": True, "edge_dilation_percent": FINE_DILATION_PERCENT}
    return replace(options, **{k: v for k, v in fine.items() if getattr(args, k) is None})


def comfort_options(args: Namespace) -> ComfortOptions:
    """Return what sets the strength, and how pairs are looked at.

    The strength of `best` is comfortable on the usual display; for another one it is found anew.

    Raises:
        ValueError: for options out of range, or that contradict each other.
    """
    given = [typed(name) for name in STRENGTHS if getattr(args, name) not in (None, "none")]
    if len(given) > 1:
        raise ValueError(f"{given[1]}: not together with --{given[0]}, each sets the strength")
    comfort = options_of(ComfortOptions, args)
    is_usual = (comfort.display_width_cm, comfort.viewing_distance_cm) == USUAL_DISPLAY
    if args.preset == "best" and not (given or is_usual or args.metric_disparity):
        return replace(comfort, comfort="degree")
    return comfort


def baseline_options(args: Namespace, options: StereoOptions) -> BaselineOptions:
    """Return the real cameras that are asked for.

    Raises:
        ValueError: for options out of range, or that contradict each other.
    """
    baseline = options_of(BaselineOptions, args)
    if baseline.baseline_cm is not None and args.depth_views > 1:
        raise ValueError(f"depth_views: got {args.depth_views}, expected 1 with --baseline_cm")
    if baseline.baseline_cm is not None and args.disparity is not None:
        raise ValueError("baseline_cm: not together with --disparity, which sets the strength")
    if baseline.convergence_m is not None and options.convergence != 0:
        raise ValueError("convergence_m: not together with --convergence, each places the screen")
    return baseline


def check_batch(batch: BatchOptions, options: StereoOptions, pairs: int) -> None:
    """Refuse what cannot be done together; a batch makes so many pairs.

    Raises:
        ValueError: for several photos with null-text inversion, or a grid of more rows than pairs.
    """
    if batch.photos_at_once > 1 and options.inversion != "direct":
        raise ValueError(
            f"photos_at_once: got {batch.photos_at_once}, expected 1 with {options.inversion} "
            "inversion; use --preset best or --inversion direct"
        )
    if batch.devices > 1 and batch.n_rows:
        raise ValueError("n_rows: a grid of all pairs needs one process, not --devices")
    if batch.n_rows > pairs * batch.n_iter:
        raise ValueError(
            f"n_rows: got {batch.n_rows}, expected at most the {pairs * batch.n_iter} pairs"
        )
