"""Open the page to work on: the three workflows in a browser, on this machine."""

from stereo.cli import interrupt

if __name__ == "__main__":
    interrupt.install()  # first, as the imports below take a while

import sys
from argparse import Namespace
from collections.abc import Sequence

from stereo.app.settings import Limits, Settings
from stereo.cli.command import OneLineParser, run, start_logging
from stereo.cli.fields import add_fields, options_of
from stereo.cli.options import ModelOptions
from stereo.cli.types import whole_number

LARGEST_PORT = 65535


def parse(arguments: Sequence[str] | None) -> Namespace:
    """Parse the command line."""
    parser = OneLineParser(__doc__)
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        metavar="ADDRESS",
        help="to listen on; 0.0.0.0 lets others in, without a password",
    )
    parser.add_argument(
        "--port", type=_port, metavar="N", help="(default: the first free one from 7860)"
    )
    parser.add_argument(
        "--allowed_host",
        action="append",
        default=[],
        metavar="NAME",
        help="repeatable; another name under which visitors reach the page, as behind a proxy",
    )
    add_fields(parser, ModelOptions, "device", "precision")
    add_fields(parser, Limits, "max_file_mb", "max_uploads_mb", "jobs", "max_megapixels")
    parser.add_argument("-v", "--verbose", action="store_true", help="more messages, tracebacks")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse, and serve the page until Ctrl-C."""
    args = parse(arguments)
    start_logging(args.verbose)

    from stereo.app.server import serve

    models, limits = options_of(ModelOptions, args), options_of(Limits, args)
    return serve(Settings(args.host, args.port, tuple(args.allowed_host), models, limits))


def _port(text: str) -> int:
    return whole_number(text, most=LARGEST_PORT)


if __name__ == "__main__":
    sys.exit(run(main))
