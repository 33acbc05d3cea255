"""Make stereo pairs from pictures by null-text inversion (I2SI)."""

from stereo.cli import interrupt

if __name__ == "__main__":
    interrupt.install()  # first, as the imports below take a while

import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from stereo.cli import options
from stereo.cli.command import run, start_logging
from stereo.cli.session import Session


def parse(arguments: Sequence[str] | None) -> Namespace:
    """Parse the command line."""
    parser = options.make_parser(__doc__, "image", outdir="outputs/img2stereo-samples")
    parser.add_argument(
        "--img_path",
        type=Path,
        required=True,
        metavar="PATH",
        help="picture, folder or pattern",
    )
    args = options.parse(parser, arguments)
    if args.eta:
        parser.error(f"argument --ddim_eta: got {args.eta}, expected 0, as inversion adds none")
    return args


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line, load the models, make the pairs."""
    args = parse(arguments)
    start_logging(args.verbose)
    return Session("image", args, arguments).work()


if __name__ == "__main__":
    sys.exit(run(main))
