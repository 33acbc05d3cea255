"""The command line of the page."""

from argparse import Namespace
from collections.abc import Sequence

from stereo.app.settings import Limits, Settings
from stereo.cli.command import OneLineParser, start_logging
from stereo.cli.fields import add_fields, options_of
from stereo.cli.groups import ModelOptions
from stereo.cli.types import whole_number

ABOUT = "Open the page to work on: the three workflows in a browser, on this machine."
LARGEST_PORT = 65535


def parse(arguments: Sequence[str] | None) -> Namespace:
    """Parse the command line."""
    parser = OneLineParser(ABOUT)
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
