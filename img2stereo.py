"""Make stereo pairs from pictures by null-text inversion (I2SI)."""

from stereo.cli import interrupt

if __name__ == "__main__":
    interrupt.install()  # first, as the imports below take a while

import sys
from functools import partial

from stereo.cli import workflows
from stereo.cli.command import run

parse, main = partial(workflows.parse, "image"), workflows.image

if __name__ == "__main__":
    sys.exit(run(main))
