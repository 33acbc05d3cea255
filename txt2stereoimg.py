"""Make stereo pairs from a text prompt (T2SI)."""

from stereo.cli import interrupt

if __name__ == "__main__":
    interrupt.install()  # first, as the imports below take a while

import sys
from argparse import Namespace
from collections.abc import Sequence

from stereo.cli import options
from stereo.cli.command import run, start_logging
from stereo.cli.session import Session


def parse(arguments: Sequence[str] | None) -> Namespace:
    """Parse the command line."""
    parser = options.make_parser(__doc__, "text", outdir="outputs/txt2stereoimg-samples", seed=24)
    return options.parse(parser, arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line, load the models, make the pairs."""
    args = parse(arguments)
    start_logging(args.verbose)
    return Session("text", args, arguments).work()


if __name__ == "__main__":
    sys.exit(run(main))
