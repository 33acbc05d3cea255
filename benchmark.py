"""Measure how long pairs take, in one table, against one image and the published schedule."""

from stereo.cli import interrupt

if __name__ == "__main__":
    interrupt.install()  # first, as the imports below take a while

import sys
from collections.abc import Sequence

from stereo.benchmark import cli
from stereo.cli.command import run


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the table, write the JSON file."""
    return cli.main(__doc__, arguments)


if __name__ == "__main__":
    sys.exit(run(main))
