"""Open the page to work on: the three workflows in a browser, on this machine."""

import sys
from argparse import ArgumentTypeError, Namespace
from collections.abc import Sequence

from stereo.cli.command import OneLineParser, run
from stereo.cli.options import PRECISIONS
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
    parser.add_argument("--device", help="cpu, cuda, cuda:1 ... (default: CUDA where there is one)")
    parser.add_argument(
        "--precision",
        choices=tuple(PRECISIONS),
        help="of the denoiser (default: fp16 on CUDA, else fp32)",
    )
    parser.add_argument(
        "--max_file_mb", type=whole_number, default=20, metavar="N", help="largest upload"
    )
    parser.add_argument(
        "--max_megapixels", type=_positive, default=40.0, metavar="X", help="largest picture"
    )
    parser.add_argument(
        "--jobs", type=whole_number, default=16, metavar="N", help="running and waiting, at most"
    )
    parser.add_argument("-v", "--verbose", action="store_true", help="more messages, tracebacks")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse, and serve the page until Ctrl-C."""
    args = parse(arguments)

    from stereo.app.command import serve

    return serve(args)


def _port(text: str) -> int:
    port = whole_number(text)
    if port > LARGEST_PORT:
        raise ArgumentTypeError(f"got {text}, expected 1 to {LARGEST_PORT}")
    return port


def _positive(text: str) -> float:
    try:
        value = float(text)
    except ValueError as error:
        raise ArgumentTypeError(f"got {text!r}, expected a number") from error
    if not 0 < value < float("inf"):
        raise ArgumentTypeError(f"got {text}, expected more than 0")
    return value


if __name__ == "__main__":
    sys.exit(run(main))
