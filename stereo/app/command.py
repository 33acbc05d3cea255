"""The command behind `python app.py`."""

import importlib.util
import ipaddress
import signal
import sys
from argparse import Namespace
from threading import Event

from stereo.cli.command import BAD_INPUT, start_logging
from stereo.cli.options import PRECISIONS

NEEDED = "gradio is not installed: pip install -r requirements-app.txt"


def serve(args: Namespace) -> int:
    """Serve the page until Ctrl-C; returns the exit code."""
    if importlib.util.find_spec("gradio") is None:
        sys.stderr.write(f"app.py: error: {NEEDED}\n")
        return BAD_INPUT
    start_logging(args.verbose)

    from stereo.app.limits import Limits
    from stereo.app.server import Settings, serving

    limits = Limits(file_megabytes=args.max_file_mb, megapixels=args.max_megapixels, jobs=args.jobs)
    settings = Settings(args.host, args.port, args.device, PRECISIONS.get(args.precision), limits)
    with serving(settings) as address:
        sys.stdout.write(f"{address} (Ctrl-C ends it){_warning(args.host)}\n")
        sys.stdout.flush()
        _wait_for_the_end()
    return 0


def _wait_for_the_end() -> None:
    """Wait for Ctrl-C, or for being told to end, so that nothing stays behind then either."""
    ended = Event()
    signal.signal(signal.SIGTERM, lambda number, frame: ended.set())
    ended.wait()


def _warning(host: str) -> str:
    """Say so when others than this machine can reach the page."""
    try:
        local = ipaddress.ip_address(host).is_loopback
    except ValueError:
        local = host == "localhost"
    return "" if local else "; anyone who reaches this address can use it"
