"""Evaluate methods on stereo data sets: infer right views, score them, report tables."""

from stereo.cli import interrupt

if __name__ == "__main__":
    interrupt.install()  # first, as the imports below take a while

import sys

from stereo.cli.command import run
from stereo.evaluation.cli import main, parse

__all__ = ["main", "parse"]

if __name__ == "__main__":
    sys.exit(run(main))
