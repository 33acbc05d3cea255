"""Make stereo pairs of a prompt under the depth of a picture (D2SI)."""

from stereo.cli import interrupt

if __name__ == "__main__":
    interrupt.install()  # first, as the imports below take a while

import sys
from functools import partial

from stereo.cli import workflows
from stereo.cli.command import run

parse, main = partial(workflows.parse, "depth"), workflows.depth

if __name__ == "__main__":
    sys.exit(run(main))
