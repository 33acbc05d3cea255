"""The command line of evaluate.py."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from stereo.cli.command import SOME_FAILED, OneLineParser, start_logging
from stereo.cli.options import PRECISIONS
from stereo.cli.types import whole_number

VERBS = ("infer", "score", "report", "all")


def parse(description: str | None, arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = OneLineParser(description)
    parser.add_argument(
        "verb", nargs="?", default="all", choices=VERBS, help="views, their scores, tables; or all"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="of the run")
    parser.add_argument(
        "--config", type=Path, metavar="YAML", help="configs/eval/*.yaml; needed to infer"
    )
    _add_data(parser)
    _add_methods(parser)
    _add_scale(parser)
    parser.add_argument(
        "--lpips",
        type=Path,
        metavar="PATH",
        help="folder or file of LPIPS backbones, torchvision's squeezenet1_1, alexnet, vgg16 "
        "(default: looked for in models/ and torch's cache; skipped when absent)",
    )
    parser.add_argument(
        "--into",
        type=Path,
        metavar="FILE",
        help="put the tables between the run's markers in this Markdown file, too",
    )
    parser.add_argument("--no_sheets", action="store_true", help="leave contact sheets out")
    parser.add_argument("-v", "--verbose", action="store_true", help="more messages, tracebacks")
    args = parser.parse_args(arguments)
    if args.verb in ("infer", "all") and args.config is None:
        parser.error("argument --config: needed to infer, one of configs/eval/*.yaml")
    if args.shard and args.devices * args.num_nodes > 1:
        parser.error("argument --shard: not together with --devices or --num_nodes")
    if args.into is not None and not args.into.is_file():
        parser.error(f"argument --into: no file {args.into}")
    return args


def _add_data(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("data")
    group.add_argument(
        "--data", type=Path, action="append", metavar="PATH", help="folder or manifest; repeatable"
    )
    group.add_argument("--limit", type=whole_number, metavar="N", help="the first N scenes")
    group.add_argument("--size", type=whole_number, metavar="PX", help="side of all views")
    group.add_argument("--crop", choices=("auto", "square", "none"), help="auto: KITTI only")
    group.add_argument(
        "--disparity",
        choices=("true", "pseudo", "mono", "search"),
        help="ground truth, SGBM on the real pair, monocular, or monocular at a searched scale",
    )


def _add_methods(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("methods")
    group.add_argument(
        "--methods", metavar="A,B", help="instead of the config's; 'all' for every one"
    )
    group.add_argument("--preset", action="append", metavar="NAME", help="on top; repeatable")
    group.add_argument(
        "--ablation",
        action="append",
        metavar="PRESET",
        help="on top: a preset, and it less each ingredient; repeatable",
    )
    group.add_argument("--ckpt", type=Path, metavar="FILE", help="Stable Diffusion")
    group.add_argument("--depthmodel_path", type=Path, metavar="FILE", help="DPT")
    group.add_argument("--steps", type=whole_number, metavar="N", help="DDIM steps")
    group.add_argument("--scale", type=float, metavar="X", help="guidance scale")
    group.add_argument("--seed", type=int, metavar="N", help="of all noise")
    group.add_argument("--inner_steps", type=whole_number, metavar="N", help="of null-text")
    group.add_argument("--work_px", type=whole_number, metavar="PX", help="model's side")
    group.add_argument(
        "--prompted", action="store_true", default=None, help="use the scenes' descriptions"
    )
    group.add_argument("--precision", choices=tuple(PRECISIONS), help="of the denoiser")


def _add_scale(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("processes")
    group.add_argument("--devices", type=whole_number, default=1, metavar="N", help="of a node")
    group.add_argument(
        "--num_nodes", type=whole_number, default=1, metavar="M", help="of Lightning"
    )
    group.add_argument("--device", help="cpu, cuda ... (default: CUDA where there is one)")
    group.add_argument(
        "--shard", metavar="I/N", help="the I-th of N parts; 'report' afterwards, once"
    )


def main(description: str | None, arguments: Sequence[str] | None = None) -> int:
    """Run the verbs; 1 when a scene failed."""
    args = parse(description, arguments)
    start_logging(args.verbose)
    from stereo.cli.shards import Team, parse_shard
    from stereo.evaluation import run
    from stereo.evaluation.document import put_tables
    from stereo.evaluation.files import RunFolder

    by_hand = parse_shard(args.shard) if args.shard else None
    settings = _settings(args) if args.verb in ("infer", "all") else None
    folder, failed = RunFolder(args.out), 0
    # Before the other processes start, so that bad input is said once.
    sources = [] if settings is None else run.claim(folder, settings)
    team = Team(devices=args.devices, nodes=args.num_nodes, device=args.device)
    run.take_one_thread()
    shard = by_hand or team.shard
    if settings is not None:
        failed += run.infer(folder, settings, shard.of(sources), device=team.device)
    if args.verb in ("score", "all"):
        failed += run.score(folder, args.lpips, shard)
    if args.verb in ("report", "all") and not args.no_sheets:
        run.draw(folder, shard)
    failed = team.total(failed)
    if not team.leads:
        # The first process speaks for all; another one's failure would end it.
        return 0
    if args.verb == "report" or (args.verb == "all" and by_hand is None):
        rows = run.report(folder)
        failed += sum(row.status.startswith("failed") for row in rows)
        if args.into is not None:
            put_tables(folder, args.into)
    return SOME_FAILED if failed else 0


def _settings(args: argparse.Namespace):
    from stereo.evaluation.settings import choose_methods, read_settings

    changes = {
        "roots": None if args.data is None else tuple(args.data),
        "count": args.limit,
        "size_px": args.size,
        "crop": args.crop,
        "disparity": args.disparity,
        "ckpt": args.ckpt,
        "depthmodel_path": args.depthmodel_path,
        "steps": args.steps,
        "guidance_scale": args.scale,
        "seed": args.seed,
        "inner_steps": args.inner_steps,
        "work_px": args.work_px,
        "prompted": args.prompted,
        "precision": PRECISIONS.get(args.precision),
    }
    told = read_settings(args.config, changes)
    listed = None if args.methods is None else [m for m in args.methods.split(",") if m]
    methods = choose_methods(told.methods, listed, args.preset, args.ablation)
    return read_settings(args.config, {**changes, "methods": methods})
