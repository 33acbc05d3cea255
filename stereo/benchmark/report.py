"""The table on the screen, and the file beside it."""

import json
import platform
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from ldm.files import write_bytes
from stereo.benchmark.shift_part import ShiftRow
from stereo.benchmark.suite import Row

GIB, TERA = 2**30, 1e12
NONE = "-"
HEADER = (
    "workflow",
    "size",
    "precision",
    "what",
    "preset",
    "s each",
    "busy s",
    "UNet evaluations",
    "TFLOP/s",
    "inside the UNet",
    "of matmul rate",
    "peak GiB",
    "x one image",
    "published / this",
)
SHIFT_HEADER = ("batch", "size", "ms", "ns a cell", "loop ms", "loop / this")


def pairs_table(rows: Sequence[Row]) -> str:
    """Return the rows as a Markdown table."""
    return _table(HEADER, [_cells(row) for row in rows])


def shift_table(rows: Sequence[ShiftRow]) -> str:
    """Return the shift's rows as a Markdown table."""
    return _table(
        SHIFT_HEADER,
        [
            (
                str(row.batch),
                f"{row.side}x{row.side}x4",
                f"{row.seconds * 1e3:.3f}",
                f"{row.nanoseconds_per_cell:.1f}",
                _number(row.loop_seconds and row.loop_seconds * 1e3, ".0f"),
                _number(row.loop_seconds and row.loop_seconds / row.seconds, ".0f"),
            )
            for row in rows
        ],
    )


def _cells(row: Row) -> tuple[str, ...]:
    share = None if row.unet_rate is None else row.unet_rate / row.matmul_rate
    return (
        row.task,
        f"{row.size_px}x{row.size_px}" + (f" x{row.samples}" if row.samples > 1 else ""),
        row.precision,
        row.kind,
        row.preset or NONE,
        f"{row.seconds:.3g}",
        f"{row.busy_seconds:.3g}",
        _number(row.evaluations, ".0f"),
        _number(row.flop_rate and row.flop_rate / TERA, ".3g"),
        _number(row.unet_rate and row.unet_rate / TERA, ".3g"),
        _number(share, ".0%"),
        _number(row.peak_bytes and row.peak_bytes / GIB, ".2f"),
        _number(row.to_one_image, ".2f"),
        _number(row.published_to_this, ".2f"),
    )


def _number(value: float | None, form: str) -> str:
    return NONE if value is None else format(value, form)


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def as_json(
    command: str, device: str, pairs: Sequence[Row], shifts: Sequence[ShiftRow]
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


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write JSON; the file appears whole or not at all."""
    write_bytes(path, (json.dumps(content, indent=2) + "\n").encode())
