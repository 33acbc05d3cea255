"""Train one part of the embedded model, or all of them in order (configs/shapes/all.yaml)."""

from stereo.cli import interrupt

if __name__ == "__main__":
    interrupt.install()  # first, as the imports below take a while

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from stereo.cli.command import LOGGERS, OneLineParser, run
from stereo.cli.types import process_count


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the command line."""
    parser = OneLineParser(__doc__)
    add = parser.add_argument
    add("--config", type=Path, required=True, metavar="YAML", help="configs/shapes/<part>.yaml")
    add("--out", type=Path, metavar="FOLDER", help="of the run (default: runs/<config>)")
    add("--max-minutes", type=float, metavar="X", help="end after this time")
    add("--max-steps", type=int, metavar="N", help="end after so many steps")
    add("--devices", type=process_count, default=1, metavar="N", help="GPUs, or CPU processes")
    add("--resume", action="store_true", help="go on from the folder's checkpoint")
    add("-v", "--verbose", action="store_true", help="more messages, tracebacks")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Train what the configuration names."""
    args = parse_arguments(arguments)
    logging.basicConfig(format="%(asctime)s %(message)s")
    for name in LOGGERS:
        logging.getLogger(name).setLevel(logging.DEBUG if args.verbose else logging.INFO)
    from shapes.training.run import train

    train(
        args.config,
        out=args.out,
        limits={"max_minutes": args.max_minutes, "max_steps": args.max_steps},
        devices=args.devices,
        resume=args.resume,
    )
    return 0


if __name__ == "__main__":
    sys.exit(run(main))
