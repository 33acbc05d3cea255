"""Third verb: tables and contact sheets of what has been scored so far."""

import csv
import io
from typing import Any

from ldm.files import write_text
from stereo.evaluation.files import SUMMARY, TABLE, RunFolder, read_json, write_json
from stereo.evaluation.results import Row, means, read_rows, read_run
from stereo.evaluation.tables import generation_notes, latex, markdown, table_notes

FIRST_COLUMNS = ("scene", "group", "method", "status", "disparity", "visible")


def write_report(folder: RunFolder) -> list[Row]:
    """Write CSV, JSON, Markdown and LaTeX; returns the rows.

    Everything but `timings.csv` depends on the views alone, not on how often, where or in how
    many processes the run was made.

    Raises:
        ValueError: when the folder holds no run.
    """
    run = read_run(folder)
    rows = read_rows(folder, run["scenes"])
    summary = means(rows)
    methods = _method_settings(folder, rows)
    notes = [*table_notes(run, summary), *generation_notes(methods)]
    write_text(folder.root / "scores.csv", scores_csv(rows))
    content = {
        "settings": run["settings"],
        "git_commit": _commits(folder, rows),
        "methods": methods,
        "notes": notes,
        "means": [mean.told() for mean in summary],
    }
    write_json(folder.root / SUMMARY, content)
    write_text(folder.root / TABLE, markdown(run, summary, notes))
    write_text(folder.root / "table.tex", latex(run, summary, notes))
    write_text(folder.root / "timings.csv", timings_csv(folder, rows))
    return rows


def scores_csv(rows: list[Row]) -> str:
    """Return one line per scene and method."""
    names = sorted({name for row in rows for name in row.metrics})
    lines = [
        {
            "scene": row.scene,
            "group": row.group,
            "method": row.method,
            "status": row.status,
            "disparity": row.notes.get("disparity"),
            "visible": row.notes.get("visible"),
            **row.metrics,
        }
        for row in rows
    ]
    return _csv([*FIRST_COLUMNS, *names], lines)


def _commits(folder: RunFolder, rows: list[Row]) -> str:
    """Return the commits of the code that made the views; more than one where it was changed."""
    sidecars = [folder.sidecar(row.method, row.scene) for row in rows]
    told = {read_json(path).get("git_commit") for path in sidecars if path.is_file()}
    return ", ".join(sorted(told - {None})) or "unknown"


def timings_csv(folder: RunFolder, rows: list[Row]) -> str:
    """Return the seconds that every right view took."""
    lines = []
    for row in rows:
        sidecar = folder.sidecar(row.method, row.scene)
        if sidecar.is_file():
            seconds = read_json(sidecar).get("seconds")
            lines.append({"scene": row.scene, "method": row.method, "seconds": seconds})
    return _csv(["scene", "method", "seconds"], lines)


def _csv(columns: list[str], lines: list[dict[str, Any]]) -> str:
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return buffer.getvalue()


def _method_settings(folder: RunFolder, rows: list[Row]) -> dict[str, Any]:
    paths = {row.method: folder.method(row.method) for row in rows}
    return {name: read_json(path) if path.is_file() else {} for name, path in paths.items()}
