"""Make stereo pairs of a prompt under the depth of a picture (D2SI)."""

from stereo.cli import interrupt

if __name__ == "__main__":
    interrupt.install()  # first, as the imports below take a while

import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from ldm.known_files import ROOT
from stereo.cli import options
from stereo.cli.command import run, start_logging
from stereo.cli.fields import add_fields
from stereo.cli.session import Session
from stereo.options import SamplingOptions


def parse(arguments: Sequence[str] | None) -> Namespace:
    """Parse the command line."""
    parser = options.make_parser(__doc__, "depth", outdir="outputs/depth2stereoimg-samples")
    parser.add_argument(
        "--init_img",
        type=Path,
        default=ROOT / "docs" / "scene.png",
        metavar="PATH",
        help="picture, folder or pattern (default: the repository's docs/scene.png)",
    )
    add_fields(parser, SamplingOptions, "strength")
    return options.parse(parser, arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line, load the models, make the pairs."""
    args = parse(arguments)
    start_logging(args.verbose)
    return Session("depth", args, arguments).work()


if __name__ == "__main__":
    sys.exit(run(main))
