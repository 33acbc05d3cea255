"""Tables and replaceable sections of Markdown documents."""

from collections.abc import Sequence
from pathlib import Path

from ldm.files import write_text


def markdown_table(
    head: Sequence[str], rows: Sequence[Sequence[str]], *, text_columns: int | None = None
) -> str:
    """Return a table; columns after the first `text_columns` hold numbers, aligned right."""
    texts = len(head) if text_columns is None else text_columns
    rule = ["---"] * texts + ["---:"] * (len(head) - texts)
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, rule, *rows))


def around_section(path: Path, begin: str, end: str) -> tuple[str, str]:
    """Return what stands before and behind the markers of a document, markers included.

    Raises:
        ValueError: when the document has not exactly one such place.
        OSError: when it cannot be read.
    """
    before, *rest = path.read_text(encoding="utf-8").split(begin)
    if len(rest) != 1 or rest[0].count(end) != 1:
        raise ValueError(f"{path} needs one '{begin}' and one '{end}' behind it")
    return before + begin, end + rest[0].partition(end)[2]


def replace_section(path: Path, begin: str, end: str, section: str) -> None:
    """Put `section` between the markers `begin` and `end` of a document.

    Raises:
        ValueError: when the document has not exactly one such place.
        OSError: when it cannot be read or written.
    """
    before, behind = around_section(path, begin, end)
    write_text(path, before + section + behind)
