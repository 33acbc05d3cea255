"""The command line of benchmark.py."""

import argparse
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from stereo.cli.command import OneLineParser, start_logging
from stereo.cli.options import PRECISIONS, PRESETS
from stereo.cli.types import check_writable, size_px, whole_number

if TYPE_CHECKING:
    from stereo.benchmark.suite import Settings

TASKS = ("text", "depth", "image")
PARTS = ("pairs", "shift", "all")
FULL_SIZE_PX, EMBEDDED_SIZE_PX = 512, 256


def parse(description: str | None, arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = OneLineParser(description)
    parser.add_argument("--part", choices=PARTS, default="pairs", help="what is measured")
    parser.add_argument(
        "--workflow", nargs="+", choices=TASKS, default=TASKS, help="which ones (default: all)"
    )
    parser.add_argument(
        "--preset",
        nargs="+",
        choices=PRESETS,
        default=("paper", "best"),
        help="of the pairs (default: paper best)",
    )
    parser.add_argument(
        "--size",
        nargs="+",
        type=size_px,
        metavar="PX",
        help=f"side of the pictures (default: {EMBEDDED_SIZE_PX}, with --random {FULL_SIZE_PX})",
    )
    parser.add_argument(
        "--precision",
        nargs="+",
        choices=tuple(PRECISIONS),
        help="of the denoiser (default: fp16 on CUDA, else fp32)",
    )
    parser.add_argument("--steps", type=whole_number, default=50, metavar="N", help="DDIM steps")
    parser.add_argument(
        "--n_samples", type=whole_number, default=1, metavar="N", help="pairs made at once"
    )
    parser.add_argument(
        "--repeats", type=whole_number, default=3, metavar="N", help="the median is of so many"
    )
    parser.add_argument(
        "--schedule",
        choices=("exact", "published"),
        default="exact",
        help="published: also time every pass that the published code makes (I2SI: minutes)",
    )
    _add_machine(parser)
    return parser.parse_args(arguments)


def _add_machine(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--random",
        action="store_true",
        help="networks of the published sizes with random weights, instead of those in models/",
    )
    parser.add_argument("--device", help="cpu, cuda, cuda:1 ... (default: CUDA where there is one)")
    parser.add_argument("--compile", action="store_true", help="compile the denoiser first")
    parser.add_argument(
        "--offload", action="store_true", help="networks are on the GPU only while they are used"
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("outputs/benchmark.json"),
        metavar="FILE",
        help="for all that was measured",
    )
    parser.add_argument("-v", "--verbose", action="store_true", help="more messages, tracebacks")


def main(description: str | None, arguments: Sequence[str] | None = None) -> int:
    """Parse, measure, print, write."""
    args = parse(description, arguments)
    start_logging(args.verbose)
    if args.out.is_dir():
        raise IsADirectoryError(f"out: {args.out} is a folder, expected a file")
    check_writable(args.out.parent, "out")

    from stereo.benchmark.report import as_json, pairs_table, shift_table, write_json
    from stereo.benchmark.shift_part import measure_shift
    from stereo.benchmark.suite import describe_device, measure_pairs
    from stereo.runtime.device import choose_device

    device = choose_device(args.device)
    pairs = list(measure_pairs(settings_of(args))) if args.part != "shift" else []
    shifts = measure_shift(device) if args.part != "pairs" else []
    command = shlex.join(["python", "benchmark.py", *(arguments or sys.argv[1:])])
    tables = [pairs_table(pairs)] if pairs else []
    tables += [shift_table(shifts)] if shifts else []
    write_json(args.out, as_json(command, describe_device(device), pairs, shifts))
    sys.stdout.write("\n\n".join([f"{describe_device(device)}: `{command}`", *tables]) + "\n")
    return 0


def settings_of(args: argparse.Namespace) -> "Settings":
    """Return what to measure."""
    from stereo.benchmark.suite import Settings

    return Settings(
        tasks=tuple(args.workflow),
        presets=tuple(args.preset),
        sizes_px=tuple(args.size or [FULL_SIZE_PX if args.random else EMBEDDED_SIZE_PX]),
        precisions=tuple(PRECISIONS[name] for name in args.precision or ()) or (None,),
        steps=args.steps,
        samples=args.n_samples,
        repeats=args.repeats,
        published=args.schedule == "published",
        random=args.random,
        device=args.device,
        compiled=args.compile,
        offloaded=args.offload,
    )
