"""Third verb: tables of what has been scored so far, also inside a document."""

import csv
import io
from pathlib import Path
from typing import Any

from ldm.files import write_text
from stereo.cli.markdown import around_section, replace_section
from stereo.evaluation.files import SUMMARY, TABLE, RunFolder, read_run
from stereo.evaluation.json_files import read_json, write_json
from stereo.evaluation.results import Result, means, read_results
from stereo.evaluation.tables import generation_notes, latex, markdown, table_notes

FIRST_COLUMNS = ("scene", "group", "method", "status", "disparity", "visible")


def write_report(folder: RunFolder) -> list[Result]:
    """Write CSV, JSON, Markdown and LaTeX; returns the results.

    Everything but `timings.csv` depends on the views alone, not on how often, where or in how
    many processes the run was made.

    Raises:
        ValueError: when the folder holds no run, or a damaged file.
    """
    settings, scenes = (read_run(folder)[key] for key in ("settings", "scenes"))
    results = read_results(folder, scenes)
    summary = means(results)
    sidecars = _sidecars(folder, results)
    records = {
        name: read_json(path, {}) if path.is_file() else {}
        for name, path in {r.method: folder.method(r.method) for r in results}.items()
    }
    notes = [*table_notes(settings, summary), *generation_notes(records)]
    commits = {str(s["git_commit"]) for s in sidecars if s.get("git_commit")}
    content = {
        "settings": settings,
        "git_commit": ", ".join(sorted(commits)) or "unknown",
        "methods": records,
        "notes": notes,
        "means": [mean.as_json() for mean in summary],
    }
    timings = [{"seconds": None, **sidecar} for sidecar in sidecars]
    write_text(folder.root / "scores.csv", scores_csv(results))
    write_json(folder.root / SUMMARY, content)
    write_text(folder.root / TABLE, markdown(settings["name"], summary, notes))
    write_text(folder.root / "table.tex", latex(settings["name"], summary, notes))
    write_text(folder.root / "timings.csv", _csv(["scene", "method", "seconds"], timings))
    return results


def put_tables(folder: RunFolder, document: Path) -> None:
    """Replace what stands between a run's markers in a Markdown file by its tables.

    The markers are `<!-- run: NAME -->` and `<!-- end: NAME -->`, NAME being that of the run's
    folder; titles become one level deeper.

    Raises:
        ValueError: when there is no such place, or more than one.
        OSError: when the file cannot be read.
    """
    begin, end = find_place(folder, document)
    commit = read_json(folder.root / SUMMARY, {"git_commit": str})["git_commit"]
    table = (folder.root / TABLE).read_text(encoding="utf-8")
    body = table.partition("\n\n")[2].replace("\n## ", "\n#### ")
    section = f"\n- Code: commit {commit} (+: with changes).\n{body}"
    replace_section(document, begin, end, section)


def find_place(folder: RunFolder, document: Path) -> tuple[str, str]:
    """Return the markers of a run's tables in a Markdown file.

    Raises:
        ValueError: when the file has no such place, or more than one.
        OSError: when it cannot be read.
    """
    name = folder.root.resolve().name
    begin, end = f"<!-- run: {name} -->", f"<!-- end: {name} -->"
    try:
        around_section(document, begin, end)
    except ValueError as error:
        raise ValueError(f"into: {error}") from error
    return begin, end


def scores_csv(results: list[Result]) -> str:
    """Return one line per scene and method."""
    names = sorted({name for result in results for name in result.metrics})
    lines = [
        {**{key: r.notes.get(key) for key in ("disparity", "visible")}, **vars(r), **r.metrics}
        for r in results
    ]
    return _csv([*FIRST_COLUMNS, *names], lines)


def _sidecars(folder: RunFolder, results: list[Result]) -> list[dict[str, Any]]:
    """Return the sidecars of the views that have one, with their scenes and methods."""
    sidecars = []
    for result in results:
        path = folder.sidecar(result.method, result.scene)
        if path.is_file():
            names = {"scene": result.scene, "method": result.method}
            sidecars.append({**read_json(path, {}), **names})
    return sidecars


def _csv(columns: list[str], lines: list[dict[str, Any]]) -> str:
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, columns, restval="", extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return buffer.getvalue()
