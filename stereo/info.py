"""Print the settings that a result carries, and the command that makes it again.

Usage: python -m stereo.info FILE [FILE ...]
"""

from stereo.cli import interrupt

if __name__ == "__main__":
    interrupt.install()  # first, as the imports below take a while

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from stereo.cli.command import OneLineParser, run
from stereo.formats import read_settings


def main(arguments: Sequence[str] | None = None) -> int:
    """Print every file's settings as JSON, and its command."""
    parser = OneLineParser(__doc__)
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE", help="a picture or sidecar")
    for path in parser.parse_args(arguments).files:
        settings = read_settings(path)
        command = settings.pop("command", None)
        sys.stdout.write(f"{path}\n{json.dumps(settings, indent=2, ensure_ascii=False)}\n")
        if command:
            sys.stdout.write(f"made by: {command}\n")
    return 0


if __name__ == "__main__":
    sys.exit(run(main))
