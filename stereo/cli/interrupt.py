"""Ctrl-C and SIGTERM from a script's first line on: one line and exit code 130.

This module is imported before all others, so it imports next to nothing itself.
"""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

INTERRUPTED = 130

_at_work = False


def install() -> None:
    """Handle both signals alike from now on."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)


@contextmanager
def at_work() -> Iterator[None]:
    """Let a signal raise KeyboardInterrupt inside this context, so that work can clean up."""
    global _at_work
    _at_work = True
    try:
        yield
    finally:
        _at_work = False


def _stop(number: int, frame: FrameType | None) -> None:
    """Raise KeyboardInterrupt, or end at once where nobody would catch it.

    Modules in C that are interrupted while they are imported raise other errors, or crash.
    """
    if _at_work and not _is_importing(frame):
        raise KeyboardInterrupt
    sys.stderr.write(f"{os.path.basename(sys.argv[0])}: error: interrupted\n")
    sys.stderr.flush()
    os._exit(INTERRUPTED)


def _is_importing(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False
