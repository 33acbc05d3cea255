"""The command line of benchmark.py."""

import argparse
import json
import shlex
import sys
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

from stereo.cli.command import OneLineParser, start_logging
from stereo.cli.options import PRECISIONS, PRESETS
from stereo.cli.types import check_writable, size_px, whole_number

if TYPE_CHECKING:
    from stereo.benchmark.suite import BenchmarkSettings

TASKS = ("text", "depth", "image")
PARTS = ("pairs", "shift", "all")
FULL_SIZE_PX, EMBEDDED_SIZE_PX = 512, 256


def parse(description: str | None, arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = OneLineParser(description)
    add, number, switch = parser.add_argument, {"type": whole_number, "metavar": "N"}, "store_true"
    several = {"nargs": "+"}
    add("--part", choices=PARTS, default="pairs", help="what is measured")
    workflow = {"choices": TASKS, "default": TASKS, "help": "which ones (default: all)"}
    add("--workflow", dest="tasks", **several, **workflow)
    presets = {"choices": PRESETS, "default": ("paper", "best"), "help": "(default: paper best)"}
    add("--preset", dest="presets", **several, **presets)
    side = f"of the pictures (default: {EMBEDDED_SIZE_PX}, with --random {FULL_SIZE_PX})"
    add("--size", dest="sizes_px", **several, type=size_px, metavar="PX", help=f"side {side}")
    precision = "of the denoiser (default: fp16 on CUDA, else fp32)"
    add("--precision", dest="precisions", **several, choices=tuple(PRECISIONS), help=precision)
    add("--steps", **number, default=50, help="DDIM steps")
    add("--n_samples", dest="samples", **number, default=1, help="pairs made at once")
    add("--repeats", **number, default=3, help="the median is of so many")
    schedule = "published: also time every pass that the published code makes (I2SI: minutes)"
    add("--schedule", choices=("exact", "published"), default="exact", help=schedule)
    random = "networks of the published sizes with random weights, instead of those in models/"
    add("--random", action=switch, help=random)
    add("--device", help="cpu, cuda, cuda:1 ... (default: CUDA where there is one)")
    add("--compile", dest="compiled", action=switch, help="compile the denoiser first")
    offload = "networks are on the GPU only while they are used"
    add("--offload", dest="offloaded", action=switch, help=offload)
    out = Path("outputs/benchmark.json")
    add("--out", type=Path, default=out, metavar="FILE", help="for all that was measured")
    add("-v", "--verbose", action=switch, help="more messages, tracebacks")
    return parser.parse_args(arguments)


def main(description: str | None, arguments: Sequence[str] | None = None) -> int:
    """Parse, measure, print, write."""
    args = parse(description, arguments)
    start_logging(args.verbose)
    if args.out.is_dir():
        raise IsADirectoryError(f"out: {args.out} is a folder, expected a file")
    check_writable(args.out.parent, "out")

    from ldm.files import write_text
    from stereo.benchmark.report import PAIR_COLUMNS, SHIFT_COLUMNS, as_json, table
    from stereo.benchmark.shift_part import measure_shift
    from stereo.benchmark.suite import describe_device, measure_pairs
    from stereo.runtime.device import choose_device

    device = choose_device(args.device)
    pairs = list(measure_pairs(read_arguments(args))) if args.part != "shift" else []
    shifts = measure_shift(device) if args.part != "pairs" else []
    command = shlex.join(["python", "benchmark.py", *(arguments or sys.argv[1:])])
    content = as_json(command, describe_device(device), pairs, shifts)
    write_text(args.out, json.dumps(content, indent=2) + "\n")
    parts = ((PAIR_COLUMNS, pairs), (SHIFT_COLUMNS, shifts))
    tables = [table(columns, rows) for columns, rows in parts if rows]
    sys.stdout.write("\n\n".join([f"{describe_device(device)}: `{command}`", *tables]) + "\n")
    return 0


def read_arguments(args: argparse.Namespace) -> "BenchmarkSettings":
    """Return what to measure."""
    from stereo.benchmark.suite import BenchmarkSettings

    args.sizes_px = args.sizes_px or [FULL_SIZE_PX if args.random else EMBEDDED_SIZE_PX]
    args.precisions = [PRECISIONS[name] for name in args.precisions or ()] or [None]
    args.published = args.schedule == "published"
    values = {field.name: getattr(args, field.name) for field in fields(BenchmarkSettings)}
    return BenchmarkSettings(**values)
