"""Make stereo pairs from a text prompt (T2SI)."""

from stereo.cli import interrupt

if __name__ == "__main__":
    interrupt.install()  # first, as the imports below take a while

import sys
from functools import partial

from stereo.cli import workflows
from stereo.cli.command import run

parse, main = partial(workflows.parse, "text"), workflows.text

if __name__ == "__main__":
    sys.exit(run(main))
