"""The scripts' options for many pictures or prompts; like `cli_options`, without torch."""

import argparse
import glob
from pathlib import Path

from stereo.cli.types import whole_number


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
        type=whole_number,
        default=1,
        metavar="N",
        help="processes, each with a GPU of its own, or all on the CPU, that share the pictures",
    )


def add_photos_at_once(parser: argparse.ArgumentParser) -> None:
    """Declare how many photos of a folder are denoised together."""
    parser.add_argument(
        "--photos_at_once",
        type=whole_number,
        default=1,
        metavar="N",
        help="photos of one size that are denoised together, which fills a GPU; needs direct "
        "inversion (best)",
    )


def check_photos_at_once(given: int, inversion: str) -> None:
    """Refuse what cannot be done together.

    Raises:
        ValueError: for several with null-text inversion.
    """
    if given > 1 and inversion != "direct":
        raise ValueError(
            f"photos_at_once: got {given}, expected 1 with {inversion} inversion; use "
            "--preset best or --inversion direct"
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
