"""Measure the embedded model's figures on held-out scenes and write them down.

Prints a table, writes it as JSON and into models/README.md. What has been measured with the same
weights and settings is not measured again.
"""

import argparse
import json
import logging
import shlex
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from ldm.files import write_text
from ldm.known_files import MODELS, ROOT, describe_missing
from shapes.report.bench import Bench, Settings, Weights, told_settings
from shapes.report.figures import FIGURES, Entry, measure, missing_weights, recall
from shapes.report.judge_training import JudgeSettings
from shapes.report.sheets import write_sheets
from shapes.report.table import as_json, as_markdown, as_text, device_name, replace_section
from stereo.cli.command import OneLineParser, start_logging
from stereo.cli.types import check_writable, whole_number
from stereo.images import list_images

log = logging.getLogger(__name__)

NAME = "python -m shapes.report"
README = ROOT / MODELS / "README.md"
RESULTS = "shapes_report.json"
MAX_STEPS = 500
QUICK = Settings(count=4, steps=10, judge=JudgeSettings(scenes=800, epochs=6))


def main(arguments: Sequence[str] | None = None, *, weights: Weights | None = None) -> int:
    """Run the command; returns its exit code."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    parsed = make_parser().parse_args(given)
    start_logging(parsed.verbose)
    check_writable(parsed.out, "out")
    bench = Bench(read_settings(parsed), parsed.out, weights or Weights())
    if parsed.sheets:
        for path in write_sheets(bench, parsed.docs):
            sys.stdout.write(f"{path}\n")
        if not parsed.only:
            return 0
    return report(bench, parsed, shlex.join([*NAME.split(), *given]))


def report(bench: Bench, parsed: argparse.Namespace, command: str) -> int:
    """Measure, print, write."""
    chosen = parsed.only or list(FIGURES)
    check_weights(bench.weights, chosen)
    device = device_name()
    entries: dict[str, Entry | None] = {}
    for name in FIGURES:
        if name in chosen:
            entries[name] = measure(bench, name, device=device, again=parsed.again)
        else:
            absent = missing_weights(bench.weights, name)
            entries[name] = None if absent else recall(bench, name)
    sys.stdout.write(as_text(entries) + "\n")
    results = as_json(entries, command, told_settings(bench.settings))
    write_text(bench.folder / RESULTS, json.dumps(results, indent=2, default=str) + "\n")
    if parsed.quick or parsed.no_readme:
        log.info("%s is left as it is", parsed.readme.name)
    else:
        sampling = bench.settings.sampling
        how = f" ({sampling.steps} DDIM steps, guidance {sampling.guidance_scale:g} for prompts)"
        replace_section(parsed.readme, as_markdown(entries, command, how=how))
    return 0


def check_weights(weights: Weights, names: Sequence[str]) -> None:
    """Raise FileNotFoundError for the first weight file that the figures miss."""
    for name in names:
        for path in missing_weights(weights, name):
            raise FileNotFoundError(f"{name}: {describe_missing(path)}")


def make_parser() -> OneLineParser:
    """Return the parser."""
    parser = OneLineParser(__doc__)
    parser.prog = NAME
    default = Settings()
    add = parser.add_argument
    add("--count", type=whole_number, help=f"prompts or scenes a figure (default: {default.count})")
    add(
        "--steps",
        type=partial(whole_number, most=MAX_STEPS),
        help=f"DDIM steps of every picture (default: {default.steps})",
    )
    add("--scale", type=float, default=default.guidance_scale, help="guidance of the prompts")
    add("--only", action="append", choices=list(FIGURES), metavar="FIGURE", help=named_figures())
    add("--quick", action="store_true", help="a look in a minute; the README stays as it is")
    add("--again", action="store_true", help="measure even what has been measured before")
    add("--photos", type=Path, help="folder of photographs (left out: that figure is skipped)")
    add("--pairs", type=Path, help="JSON list of real pairs (left out: skipped)")
    add("--out", type=Path, default=Path("outputs/shapes_report"), help="folder for the results")
    add("--readme", type=Path, default=README, help="file whose section of figures is replaced")
    add("--no-readme", action="store_true", help="leave that file as it is")
    add("--sheets", action="store_true", help="write the sample sheets (and measure only --only's)")
    add("--docs", type=Path, default=ROOT / "docs", help="folder for the sample sheets")
    add("-v", "--verbose", action="store_true", help="say more")
    return parser


def named_figures() -> str:
    """Return the help of --only."""
    return f"measure this one alone (repeatable): {', '.join(FIGURES)}"


def read_settings(parsed: argparse.Namespace) -> Settings:
    """Turn arguments into settings.

    Raises:
        FileNotFoundError: a given folder or file is not there.
        ValueError: a value is out of range.
    """
    if not 0 <= parsed.scale <= 100:
        raise ValueError(f"--scale: got {parsed.scale}, expected 0 to 100")
    base = QUICK if parsed.quick else Settings()
    return Settings(
        count=parsed.count or base.count,
        steps=parsed.steps or base.steps,
        guidance_scale=parsed.scale,
        photos=find_photos(parsed.photos),
        pairs=find_pairs(parsed.pairs),
        judge=base.judge,
    )


def find_photos(given: Path | None) -> tuple[Path, ...]:
    """Return the photographs of a folder."""
    return () if given is None else tuple(list_images(given))


def find_pairs(given: Path | None) -> Path | None:
    """Return the list of real pairs, if one was given."""
    if given is not None and not given.is_file():
        raise FileNotFoundError(f"--pairs: {given} is not there; expected a JSON list")
    return given
