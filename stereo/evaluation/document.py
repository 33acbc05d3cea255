"""Tables of a run inside a document, between markers that name the run's folder."""

from pathlib import Path

from ldm.files import write_text
from stereo.evaluation.files import SUMMARY, TABLE, RunFolder, read_json


def put_tables(folder: RunFolder, document: Path) -> None:
    """Replace what stands between a run's markers in a Markdown file by its tables.

    The markers are `<!-- run: NAME -->` and `<!-- end: NAME -->`, NAME being that of the run's
    folder; titles become one level deeper.

    Raises:
        ValueError: when there is no such place, or more than one.
        OSError: when the file cannot be read.
    """
    name = folder.root.resolve().name
    begin, end = f"<!-- run: {name} -->", f"<!-- end: {name} -->"
    text = document.read_text(encoding="utf-8")
    before, *rest = text.split(begin)
    if len(rest) != 1 or rest[0].count(end) != 1:
        raise ValueError(f"into: {document} needs one '{begin}' and one '{end}' behind it")
    table = (folder.root / TABLE).read_text(encoding="utf-8")
    commit = read_json(folder.root / SUMMARY)["git_commit"]
    body = table.partition("\n\n")[2].replace("\n## ", "\n#### ")
    filled = f"{begin}\n- Code: commit {commit} (+: with changes).\n{body}{end}"
    write_text(document, before + filled + rest[0].partition(end)[2])
