"""The command line of evaluate.py."""

import argparse
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from stereo.cli.command import SOME_FAILED, OneLineParser, start_logging
from stereo.cli.options import PRECISIONS
from stereo.cli.types import given_path, process_count, size_px, whole_number

if TYPE_CHECKING:
    from stereo.evaluation.settings import EvaluationSettings

ABOUT = "Evaluate methods on stereo data sets: infer right views, score them, report tables."
VERBS = ("infer", "score", "report", "all")
NUMBER = {"type": whole_number, "metavar": "N"}
PX = {"type": whole_number, "metavar": "PX"}
WORK_PX = {"type": size_px, "metavar": "PX"}
FILE = {"type": given_path, "metavar": "PATH"}
NAMES = {"action": "append", "metavar": "NAME"}
SWITCH = {"action": "store_true", "default": None}
SOURCES = {"choices": ("true", "pseudo", "mono", "search")}
# Options that change a setting: its place in the YAML file, the help, how it is parsed.
SETTINGS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "--data": ("data.root", "folder or manifest; repeatable", {**FILE, "action": "append"}),
    "--limit": ("data.count", "the first N scenes", NUMBER),
    "--size": ("protocol.size_px", "side of all views", PX),
    "--crop": ("protocol.crop", "auto: KITTI only", {"choices": ("auto", "square", "none")}),
    "--disparity": ("disparity", "truth, SGBM, monocular, or that at a searched scale", SOURCES),
    "--ckpt": ("generation.ckpt", "Stable Diffusion", FILE),
    "--vae": ("generation.vae", "autoencoder instead of the checkpoint's", FILE),
    "--depthmodel_path": ("generation.depthmodel_path", "depth network", FILE),
    "--steps": ("generation.steps", "DDIM steps", NUMBER),
    "--scale": ("generation.guidance_scale", "guidance", {"type": float, "metavar": "X"}),
    "--seed": ("generation.seed", "of all noise", {"type": int, "metavar": "N"}),
    "--inner_steps": ("generation.inner_steps", "of null-text inversion", NUMBER),
    "--work_px": ("generation.work_px", "side that the model works at", WORK_PX),
    "--prompted": ("generation.prompted", "use the scenes' descriptions", SWITCH),
    "--precision": ("generation.precision", "of the denoiser", {"choices": tuple(PRECISIONS)}),
}


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = OneLineParser(ABOUT)
    add = parser.add_argument
    add("verb", nargs="?", default="all", choices=VERBS, help="views, their scores, tables; or all")
    add("--out", **FILE, required=True, help="folder of the run")
    add("--config", **FILE, help="configs/eval/*.yaml; needed to infer")
    add("--methods", metavar="A,B", help="instead of the config's; 'all' for every one")
    add("--preset", **NAMES, help="on top; repeatable")
    add("--ablation", **NAMES, help="on top: a preset, and it less each ingredient; repeatable")
    add(
        "--lpips",
        help="folder or file of LPIPS backbones, torchvision's squeezenet1_1, alexnet, vgg16 "
        "(default: looked for in models/ and torch's cache; skipped when absent)",
        **FILE,
    )
    add(
        "--pair_metric",
        action="append",
        default=[],
        metavar="NAME=PATH",
        help="repeatable: met3r=FOLDER of its code, isqoe=FILE.py that calls its code "
        "(stereo/evaluation/pair_metrics.py)",
    )
    add("--into", **FILE, help="put the tables between the run's markers in this Markdown file")
    add("--no_sheets", action="store_true", help="leave contact sheets out")
    add("-v", "--verbose", action="store_true", help="more messages, tracebacks")
    group = parser.add_argument_group("settings, instead of the config's")
    for option, (_, words, parsing) in SETTINGS.items():
        group.add_argument(option, help=words, **parsing)
    group = parser.add_argument_group("processes")
    processes = {"type": process_count, "metavar": "N", "default": 1}
    group.add_argument("--devices", **processes, help="of a node")
    group.add_argument("--num_nodes", **processes, help="of Lightning")
    group.add_argument("--device", help="cpu, cuda ... (default: CUDA where there is one)")
    group.add_argument(
        "--shard", metavar="I/N", help="the I-th of N parts; 'report' afterwards, once"
    )
    return _checked(parser, parser.parse_args(arguments))


def _checked(parser: argparse.ArgumentParser, args: argparse.Namespace) -> argparse.Namespace:
    if args.verb in ("infer", "all") and args.config is None:
        parser.error("argument --config: needed to infer, one of configs/eval/*.yaml")
    if args.shard and args.devices * args.num_nodes > 1:
        parser.error("argument --shard: not together with --devices or --num_nodes")
    if args.into is not None and not args.into.is_file():
        parser.error(f"argument --into: no file {args.into}")
    return args


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the verbs; 1 when a scene failed."""
    args = parse(arguments)
    start_logging(args.verbose)
    from stereo.evaluation.run import run

    settings = read_arguments(args) if args.verb in ("infer", "all") else None
    return SOME_FAILED if run(args, settings) else 0


def read_arguments(args: argparse.Namespace) -> "EvaluationSettings":
    """Return the settings of the configuration with the command line on top."""
    from stereo.evaluation.settings import choose_methods, read_evaluation_settings

    changes: dict[str, Any] = defaultdict(dict)
    args.precision = PRECISIONS.get(args.precision)
    for option, (place, _, _) in SETTINGS.items():
        section, _, key = place.rpartition(".")
        value = getattr(args, option.removeprefix("--"))
        if value is not None:
            (changes[section] if section else changes)[key] = value
    settings = read_evaluation_settings(args.config, changes)
    chosen = None if args.methods is None else [m for m in args.methods.split(",") if m]
    methods = choose_methods(settings.methods, chosen, args.preset, args.ablation)
    return replace(settings, methods=methods)
