"""Measure the embedded model: `python -m shapes.report`; see `shapes.report.command`."""

import sys

from shapes.report.command import main
from stereo.cli.command import run

if __name__ == "__main__":
    sys.exit(run(main))
