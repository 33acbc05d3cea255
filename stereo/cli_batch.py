"""The scripts' options for many pictures or prompts; like `cli_options`, without torch."""

import argparse
import glob
from pathlib import Path


def add_batch_options(parser: argparse.ArgumentParser) -> None:
    """Declare resuming, and sharing the work among devices."""
    group = parser.add_argument_group("many pictures")
    group.add_argument(
        "--skip-existing",
        "--skip_existing",
        action="store_true",
        help="leave out what --outdir holds complete, made with the same settings and inputs",
    )
    group.add_argument(
        "--devices",
        type=int,
        default=1,
        metavar="N",
        help="processes, each with a GPU of its own, or all on the CPU, that share the pictures",
    )


def list_texts(path: Path) -> list[Path]:
    """Return the text files that a file, a folder (its *.txt) or a pattern names, sorted.

    Raises:
        FileNotFoundError: when there is none.
    """
    if path.is_file():
        return [path]
    pattern = str(path / "*.txt") if path.is_dir() else str(path)
    found = sorted(Path(name) for name in glob.glob(pattern, recursive=True))
    if not found:
        kind = "no *.txt in folder" if path.is_dir() else "no such file, folder or pattern:"
        raise FileNotFoundError(f"from-file: {kind} {path}")
    return found
