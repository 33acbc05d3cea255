"""The scripts' options: how they are declared, and how they become the package's dataclasses.

Nothing here imports torch, so that `--help` and a mistyped option are answered at once; the
choices are literals for the same reason, held against the package's own by a test.
"""

import argparse
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stereo.cli.batch_options import add_batch_options, list_texts
from stereo.cli.comfort_options import add_comfort_options, comfort_changes, share_or_auto
from stereo.cli.types import SIZE_MULTIPLE_PX, size_px, whole_number
from stereo.formats.registry import DEFAULT_FORMATS, FORMATS

if TYPE_CHECKING:
    from stereo.options import SamplingOptions, StereoOptions

PRESETS = ("original", "paper", "best")
PRECISIONS = {"fp32": "fp32", "fp16": "fp16", "bf16": "bf16", "full": "fp32", "autocast": "fp16"}
# What the command line calls the fields of the package's dataclasses, where it is not the same.
FLAGS = {
    "guidance_scale": "scale",
    "scale_percent": "scale_factor",
    "edge_dilation_percent": "edge_dilation",
    "steps": "ddim_steps",
    "eta": "ddim_eta",
    "samples": "n_samples",
    "height_px": "H",
    "width_px": "W",
}
BEST_ALONE = ("metric_disparity", "guided_start", "weighed_holes", "edge_dilation")
SHAPES_PROMPT = "a red sphere in front of a blue box on a wooden floor"


def add_model_options(parser: argparse.ArgumentParser, *, own_depth: bool = False) -> None:
    """Declare where the networks come from; `own_depth` where the checkpoint has a depth model."""
    group = parser.add_argument_group("models")
    group.add_argument(
        "--ckpt",
        type=Path,
        metavar="FILE",
        help="Stable Diffusion checkpoint, .ckpt or .safetensors (default: the published file if "
        "it lies in models/, else the embedded model)",
    )
    group.add_argument(
        "--config", type=Path, metavar="YAML", help="its config (default: recognised from the file)"
    )
    group.add_argument(
        "--parameterization",
        choices=("eps", "v"),
        help="what the network predicts (default: recognised from the file)",
    )
    group.add_argument(
        "--depthmodel_path",
        type=Path,
        metavar="FILE",
        help="DPT checkpoint (default: "
        + (
            "the depth model inside --ckpt)"
            if own_depth
            else "the published file if it lies in midas_models/, else the embedded model)"
        ),
    )
    group.add_argument(
        "--precision",
        choices=tuple(PRECISIONS),
        help="of the denoiser; full = fp32, autocast = fp16 (default: fp16 on CUDA, else fp32)",
    )
    group.add_argument("--device", help="cpu, cuda, cuda:1 ... (default: CUDA where there is one)")
    group.add_argument(
        "--compile",
        action="store_true",
        help="on a GPU, compile the denoiser first: slow start, fast steps",
    )
    group.add_argument(
        "--offload", action="store_true", help="networks are on the GPU only while they are used"
    )


def add_sampling_options(
    parser: argparse.ArgumentParser, *, guidance: str, seed: int = 42, many: bool = True
) -> None:
    """Declare how Stable Diffusion is sampled.

    `guidance` tells its default scale (`stereo.runtime.guidance`); `many` is for several samples.
    """
    group = parser.add_argument_group("sampling")
    group.add_argument(
        "--ddim_steps", "--steps", type=whole_number, default=50, metavar="N", help="DDIM steps"
    )
    group.add_argument(
        "--scale", type=float, metavar="X", help=f"guidance scale (default: {guidance})"
    )
    group.add_argument("--ddim_eta", type=float, default=0.0, metavar="X", help="eta of DDIM")
    group.add_argument("--seed", type=int, default=seed, metavar="N", help="of the start noise")
    for name, side in (("--H", "height"), ("--W", "width")):
        group.add_argument(
            name,
            type=size_px,
            metavar="PX",
            help=f"{side}, a multiple of {SIZE_MULTIPLE_PX} (default: from the model's own size; "
            "pictures keep their proportions)",
        )
    group.set_defaults(n_samples=1, n_iter=1, n_rows=0, fixed_code=False)
    if many:
        _add_many(group)


def _add_many(group: Any) -> None:
    group.add_argument(
        "--n_samples", type=whole_number, default=1, metavar="N", help="pairs at a time"
    )
    group.add_argument(
        "--n_iter", type=whole_number, default=1, metavar="N", help="so often, with new seeds"
    )
    group.add_argument(
        "--fixed_code", action="store_true", help="keep the same seeds in every iteration"
    )
    group.add_argument(
        "--n_rows",
        type=whole_number,
        default=0,
        metavar="N",
        help="also save all pairs of the run as one grid of N rows (default: no grid)",
    )


def add_prompt_options(parser: argparse.ArgumentParser) -> None:
    """Declare prompts, given or read from a file."""
    parser.add_argument("--prompt", default=SHAPES_PROMPT, metavar="TEXT", help="what to show")
    add_prompt_files(parser)
    parser.add_argument(
        "--negative_prompt", default="", metavar="TEXT", help="what guidance leads away from"
    )


def add_prompt_files(parser: argparse.ArgumentParser) -> None:
    """Declare prompts read from files."""
    parser.add_argument(
        "--from-file",
        "--from_file",
        type=Path,
        metavar="PATH",
        help="one prompt a line, instead of --prompt: a text file, a folder of them or a pattern",
    )


def add_stereo_options(parser: argparse.ArgumentParser) -> None:
    """Declare how the right view is made, and how strong and comfortable the depth is."""
    group = parser.add_argument_group("stereo")
    group.add_argument(
        "--preset",
        choices=PRESETS,
        default="paper",
        help="as the published code, as the paper, or the best that this program can do",
    )
    group.add_argument(
        "--direction",
        choices=("uni", "bi"),
        help="views attend to the left one, or to both (default: the preset's, uni)",
    )
    group.add_argument(
        "--scale_factor",
        type=float,
        metavar="PERCENT",
        help="largest shift in percent of the width (default: the preset's, 8)",
    )
    group.add_argument(
        "--deblur",
        action=argparse.BooleanOptionalAction,
        help="noise in the holes of the shift (default: the preset's; off for original)",
    )
    group.add_argument(
        "--shift_both",
        action=argparse.BooleanOptionalAction,
        help="move both views by half (default: the preset's, off)",
    )
    group.add_argument(
        "--disparity",
        type=Path,
        metavar="MAP",
        help="your own map of the left view, .png .npy .pfm, near = bright; for a folder of "
        "pictures a folder of maps with their names",
    )
    group.add_argument("--depth", action="store_true", help="that map is metric depth")
    group.add_argument(
        "--metric_disparity",
        action="store_true",
        default=None,
        help="that map is in pixels of the picture, and taken as it is (preset best)",
    )
    group.add_argument(
        "--convergence",
        type=share_or_auto,
        metavar="SHARE",
        help="of the disparity range, 0 to 1, that lies in the plane of the screen, or auto: by "
        "the histogram, within the limits of comfort (default: 0, the farthest)",
    )
    group.add_argument(
        "--guided_start",
        type=float,
        metavar="SHARE",
        help="of the steps, 0 to 1, after which the preset best lets denoising change what "
        "continues a hole's surroundings: earlier invents more (default: 0.9)",
    )
    group.add_argument(
        "--weighed_holes",
        action=argparse.BooleanOptionalAction,
        help="take that change over only in so far as the model is right where the picture is "
        "known (default: on)",
    )
    group.add_argument(
        "--edge_dilation",
        type=float,
        metavar="PERCENT",
        help="of the width by which the preset best widens objects of the depth network's map, "
        "whose edges are soft; your own maps stay as they are (default: 1.2)",
    )
    add_comfort_options(parser)


def add_output_options(parser: argparse.ArgumentParser, *, outdir: str) -> None:
    """Declare where results go, in which formats, and how many are worked on."""
    group = parser.add_argument_group("output")
    group.add_argument(
        "--outdir", type=Path, default=Path(outdir), metavar="FOLDER", help="for the results"
    )
    group.add_argument(
        "--format",
        action="append",
        choices=tuple(FORMATS),
        metavar="NAME",
        help="repeatable; one of "
        + ", ".join(FORMATS)
        + f" (default: {' '.join(DEFAULT_FORMATS)})",
    )
    group.add_argument(
        "--viewer", action="store_true", help="and a page to look at each pair, --format viewer"
    )
    group.add_argument("-v", "--verbose", action="store_true", help="more messages, tracebacks")
    add_batch_options(parser)


def parse(parser: argparse.ArgumentParser, arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse, and refuse options that make no sense together."""
    args = parser.parse_args(arguments)
    for name in ("depth", "metric_disparity"):
        if getattr(args, name) and args.disparity is None:
            parser.error(f"argument --{name}: says what --disparity MAP holds, which is missing")
    if args.depth and args.metric_disparity:
        parser.error("argument --metric_disparity: not with --depth, whose metres are no pixels")
    if args.viewer:
        args.format = [*(args.format or DEFAULT_FORMATS), "viewer"]
    return args


def model_options(args: argparse.Namespace, ckpt: Path) -> dict[str, Any]:
    """Return the keyword arguments of `stereo.load_model` for a checkpoint."""
    return {
        "ckpt": ckpt,
        "config": args.config,
        "parameterization": args.parameterization,
        "precision": PRECISIONS.get(args.precision),
        "device": args.device,
    }


def stereo_options(args: argparse.Namespace) -> "StereoOptions":
    """Return the preset with the given options on top."""
    from stereo.options import preset

    with _called_as_typed():
        options = preset(
            args.preset,
            direction=args.direction,
            scale_percent=args.scale_factor,
            deblur=args.deblur,
            inversion=getattr(args, "inversion", None),
            metric_disparity=args.metric_disparity,
            convergence=args.convergence,
            guided_start=args.guided_start,
            weighed_holes=args.weighed_holes,
            edge_dilation_percent=args.edge_dilation,
            **comfort_changes(args),
        )
    for name in BEST_ALONE:
        if getattr(args, name) is not None and not options.fusion:
            raise ValueError(
                f"{name}: got it with --preset {args.preset}, expected --preset best, which alone "
                "works at the picture's own size"
            )
    return options


@contextmanager
def _called_as_typed() -> Iterator[None]:
    """Let errors name the options as the command line does."""
    try:
        yield
    except ValueError as error:
        field, colon, rest = str(error).partition(":")
        raise ValueError(f"{FLAGS.get(field, field)}{colon}{rest}") from error


def sampling_rounds(args: argparse.Namespace) -> Iterator["SamplingOptions"]:
    """Yield the sampling options of every iteration; sample k of iteration i has its own seed."""
    from stereo.options import SamplingOptions

    for iteration in range(args.n_iter):
        offset = 0 if args.fixed_code else iteration * args.n_samples
        with _called_as_typed():
            sampling = SamplingOptions(
                steps=args.ddim_steps,
                guidance_scale=args.scale,
                eta=args.ddim_eta,
                seed=args.seed + offset,
                samples=args.n_samples,
                height_px=args.H,
                width_px=args.W,
                strength=getattr(args, "strength", 1.0),
            )
        yield sampling


def read_prompts(args: argparse.Namespace) -> list[str]:
    """Return the prompts of `--from-file`, empty lines left out, or the one of `--prompt`.

    Raises:
        ValueError: when the files hold none, or are no text.
        OSError: when there is none, or one cannot be read.
    """
    if args.from_file is None:
        return [args.prompt]
    prompts = []
    for path in list_texts(args.from_file):
        try:
            lines = path.read_text(encoding="utf-8-sig").splitlines()
        except UnicodeDecodeError as error:
            raise ValueError(f"from-file: {path} is not UTF-8 text") from error
        prompts += [line.strip() for line in lines if line.strip()]
    if not prompts:
        raise ValueError(f"from-file: {args.from_file} holds no prompt")
    return prompts
