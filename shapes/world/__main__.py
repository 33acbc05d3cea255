"""Write stereo pairs of the procedural world: `python -m shapes.world`."""

import sys

from shapes.world.export import main
from stereo.cli.command import run

if __name__ == "__main__":
    sys.exit(run(main))
