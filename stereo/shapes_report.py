"""Measure the embedded model: `python -m stereo.shapes_report`; see `stereo.report.command`."""

import sys

from stereo.cli import run
from stereo.report.command import main

if __name__ == "__main__":
    sys.exit(run(main))
