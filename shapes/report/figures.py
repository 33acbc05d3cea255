"""All figures by name, each measured once for its weights and settings and then remembered."""

import json
import logging
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path

from ldm.files import write_text
from shapes.report.bench import Bench, Weights, fingerprint, told_settings
from shapes.report.line import Line
from shapes.report.network_figures import measure_autoencoder, measure_depth_network
from shapes.report.photo_figure import measure_photo
from shapes.report.prompt_figures import (
    measure_depth_conditioned,
    measure_pairs,
    measure_single,
)

log = logging.getLogger(__name__)

MEASURES_VERSION = 1


@dataclass(frozen=True)
class Figure:
    """A measurement, the weight files it looks at, and the settings that matter to it."""

    measure: Callable[[Bench], list[Line]]
    weights: tuple[str, ...]
    settings: tuple[str, ...]


PROMPTS = ("count", "steps", "guidance_scale")
FIGURES: dict[str, Figure] = {
    "autoencoder": Figure(measure_autoencoder, ("text",), ("count", "photos")),
    "single": Figure(measure_single, ("text",), (*PROMPTS, "judge")),
    "pairs": Figure(measure_pairs, ("text",), (*PROMPTS, "judge")),
    "depth": Figure(measure_depth_conditioned, ("depth", "dpt"), PROMPTS),
    "dpt": Figure(measure_depth_network, ("dpt",), ("count", "pairs")),
    "photo": Figure(measure_photo, ("text", "dpt"), ("count", "steps")),
}


@dataclass(frozen=True)
class Entry:
    """A measured figure: its lines, when, in how many seconds, on what device."""

    key: str
    lines: list[Line]
    date: str
    seconds: float
    device: str


def measure(bench: Bench, name: str, *, device: str, again: bool = False) -> Entry:
    """Measure a figure, or take it from the folder where the same has been measured before."""
    figure = FIGURES[name]
    key = key_of(bench, figure)
    path = bench.folder / f"{name}-{key}.json"
    if not again and (stored := read_entry(path)) is not None:
        log.info("%s: measured before, see %s", name, path.name)
        return stored
    log.info("%s: measuring", name)
    start = time.monotonic()
    lines = figure.measure(bench)
    date = datetime.now(timezone.utc).strftime("%Y-%m-%d")
    entry = Entry(key, lines, date, round(time.monotonic() - start, 1), device)
    write_text(path, json.dumps(asdict(entry), indent=2) + "\n")
    return entry


def recall(bench: Bench, name: str) -> Entry | None:
    """Return a figure that has been measured before with the same weights and settings."""
    return read_entry(bench.folder / f"{name}-{key_of(bench, FIGURES[name])}.json")


def key_of(bench: Bench, figure: Figure) -> str:
    """Return the digest of all that decides a figure.

    Raises:
        FileNotFoundError: its weights are not there.
    """
    told = told_settings(bench.settings)
    told = {name: told[name] for name in figure.settings} | {"version": MEASURES_VERSION}
    return fingerprint([getattr(bench.weights, name) for name in figure.weights], told)


def missing_weights(weights: Weights, name: str) -> list[Path]:
    """Return the weight files of a figure that are not there."""
    paths = [getattr(weights, part) for part in FIGURES[name].weights]
    return [path for path in paths if not path.is_file()]


def read_entry(path: Path) -> Entry | None:
    """Read a stored figure; None where there is none or it cannot be understood."""
    try:
        stored = json.loads(path.read_text())
        lines = [Line(**line) for line in stored.pop("lines")]
        return Entry(lines=lines, **stored)
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, KeyError):
        log.warning("%s cannot be understood: measuring again", path.name)
        return None
