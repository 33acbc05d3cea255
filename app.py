"""Open the page to work on: the three workflows in a browser, on this machine."""

from stereo.cli import interrupt

if __name__ == "__main__":
    interrupt.install()  # first, as the imports below take a while

import sys

from stereo.app.command import main, parse
from stereo.cli.command import run

__all__ = ["main", "parse"]

if __name__ == "__main__":
    sys.exit(run(main))
