"""The table of figures: on the screen, as JSON, and as a section of `models/README.md`."""

import platform
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from ldm.files import write_text
from shapes.report.figures import Entry
from shapes.report.line import Line, written

BEGIN, END = "<!-- figures:begin -->", "<!-- figures:end -->"
HEADING = "## Figures\n\n"
HEAD = ("figure", "measured", "target", "met?", "of", "to hold it against")
EXPLANATION = """\
Held-out scenes only; pictures start from fixed seeds. *Colour*: the most frequent name among the
object's pixels, by the nearest of the world's ten colours under any shade (a rule, nothing
learned). *Shape*, and where the object is: the judge, a small network that has seen rendered scenes
only. *On rendered scenes* is what the same measure gives to true pictures and their own captions,
*under another prompt* what chance gives. *Photo workflow*: true disparity given (as in the paper's
protocol), scale = the scene's true range, the true right view converged on its farthest point; the
same truth is held against the copied left one. The seconds leave out a judge trained before."""


def rows_of(entries: dict[str, Entry | None]) -> list[tuple[str, ...]]:
    """Return the table's rows; figures without an entry say so."""
    rows: list[tuple[str, ...]] = []
    for name, entry in entries.items():
        if entry is None:
            rows.append((name, "not measured", "", "", "", ""))
        else:
            rows += [row_of(line) for line in entry.lines]
    return rows


def row_of(line: Line) -> tuple[str, ...]:
    """Return one row."""
    target = "above 0" if line.target == 0 else f"at least {written(line.target, line.unit)}"
    if line.value is None:
        return line.figure, "-", target, "-", "-", line.note
    met = "yes" if line.is_met else "**no**"
    return line.figure, written(line.value, line.unit), target, met, str(line.count), line.note


def as_text(entries: dict[str, Entry | None]) -> str:
    """Return the table for a terminal."""
    rows = [HEAD, *rows_of(entries)]
    widths = [max(len(row[k]) for row in rows) for k in range(len(HEAD))]
    lines = ["  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)) for row in rows]
    return "\n".join(line.rstrip().replace("**no**", "NO") for line in lines)


def as_markdown(entries: dict[str, Entry | None], command: str, *, how: str = "") -> str:
    """Return the README's section, markers included."""
    measured = [entry for entry in entries.values() if entry is not None]
    dates = sorted({entry.date for entry in measured})
    devices = ", ".join(sorted({entry.device for entry in measured}))
    seconds = sum(entry.seconds for entry in measured)
    when = " to ".join(dict.fromkeys([dates[0], dates[-1]])) if dates else "not yet"
    rows = [
        "| " + " | ".join(row) + " |" for row in [HEAD, ("---",) * len(HEAD), *rows_of(entries)]
    ]
    said = f"Measured by `{command}` on {devices or 'no device'}, {when}, in {seconds:.0f} s{how}."
    return "\n".join([BEGIN, said, "", *rows, "", EXPLANATION, END])


def as_json(entries: dict[str, Entry | None], command: str, settings: dict) -> dict[str, Any]:
    """Return everything measured, JSON-able."""
    figures = {
        name: entry
        and asdict(entry) | {"lines": [{**asdict(li), "met": li.is_met} for li in entry.lines]}
        for name, entry in entries.items()
    }
    return {"command": command, "settings": settings, "figures": figures}


def replace_section(path: Path, section: str) -> None:
    """Put the section between its markers in a file, or at the file's end where it has none.

    Raises:
        ValueError: only one marker is there, or they are the wrong way round.
    """
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    counts = text.count(BEGIN), text.count(END)
    if counts == (0, 0):
        before, after = (text.rstrip("\n") + "\n\n").lstrip() + HEADING, "\n"
    elif counts == (1, 1) and text.index(BEGIN) < text.index(END):
        before, after = text[: text.index(BEGIN)], text[text.index(END) + len(END) :]
    else:
        raise ValueError(f"{path}: expected one {BEGIN} and one {END} behind it, or neither")
    write_text(path, before + section + after)


def device_name() -> str:
    """Return what the figures are measured on."""
    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    threads = torch.get_num_threads()
    return f"{_processor()} ({threads} {'thread' if threads == 1 else 'threads'})"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    named = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.machine()
