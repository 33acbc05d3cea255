"""The tables on the screen, and the file beside them."""

import platform
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

import torch

from stereo.benchmark.shift_part import ShiftRow
from stereo.benchmark.suite import PairRow
from stereo.cli.markdown import markdown_table

GIB, TERA = 2**30, 1e12
Columns = dict[str, Callable[[Any], str]]


def _number(value: float | None, form: str, unit: float = 1) -> str:
    return "-" if value is None else format(value / unit, form)


PAIR_COLUMNS: Columns = {
    "workflow": lambda row: row.task,
    "size": lambda row: (
        f"{row.size_px}x{row.size_px}" + (f" x{row.samples}" if row.samples > 1 else "")
    ),
    "precision": lambda row: row.precision,
    "what": lambda row: row.kind,
    "preset": lambda row: row.preset or "-",
    "s each": lambda row: f"{row.seconds:.3g}",
    "busy s": lambda row: f"{row.busy_seconds:.3g}",
    "UNet evaluations": lambda row: _number(row.evaluations, ".0f"),
    "TFLOP/s": lambda row: _number(row.flop_rate, ".3g", TERA),
    "inside the UNet": lambda row: _number(row.unet_rate, ".3g", TERA),
    "of matmul rate": lambda row: _number(row.unet_rate, ".0%", row.matmul_rate),
    "peak GiB": lambda row: _number(row.peak_bytes, ".2f", GIB),
    "x one image": lambda row: _number(row.to_one_image, ".2f"),
    "published / this": lambda row: _number(row.published_to_this, ".2f"),
}
SHIFT_COLUMNS: Columns = {
    "batch": lambda row: str(row.batch),
    "size": lambda row: f"{row.side}x{row.side}x4",
    "ms": lambda row: f"{row.seconds * 1e3:.3f}",
    "ns a cell": lambda row: f"{row.nanoseconds_per_cell:.1f}",
    "loop ms": lambda row: _number(row.loop_seconds, ".0f", 1e-3),
    "loop / this": lambda row: _number(row.loop_seconds, ".0f", row.seconds),
}


def table(columns: Columns, rows: Sequence[PairRow | ShiftRow]) -> str:
    """Return rows as a Markdown table."""
    cells = [[cell(row) for cell in columns.values()] for row in rows]
    return markdown_table(list(columns), cells)


def as_json(
    command: str, device: str, pairs: Sequence[PairRow], shifts: Sequence[ShiftRow]
) -> dict[str, Any]:
    """Return everything measured, and where, as JSON values."""
    return {
        "command": command,
        "device": device,
        "machine": platform.machine(),
        "torch": torch.__version__,
        "pairs": [asdict(row) for row in pairs],
        "shift": [asdict(row) for row in shifts],
    }
