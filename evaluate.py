"""Evaluate methods on stereo data sets: infer right views, score them, report tables."""

from stereo.cli import interrupt

if __name__ == "__main__":
    interrupt.install()  # first, as the imports below take a while

import sys
from collections.abc import Sequence

from stereo.cli.command import run
from stereo.evaluation import cli


def main(arguments: Sequence[str] | None = None) -> int:
    """Run infer, score and report, or the one that is named."""
    return cli.main(__doc__, arguments)


if __name__ == "__main__":
    sys.exit(run(main))
