"""Columns of a table, its cells, and the table itself, before it is Markdown or LaTeX."""

from dataclasses import dataclass

from stereo.evaluation.published import Published
from stereo.evaluation.results import Mean

SKIPPED, ABSENT = "skipped", "-"


@dataclass(frozen=True)
class Column:
    """A metric's key, its title, its digits, and whether it is shown in percent."""

    key: str
    title: str
    digits: int
    percent: bool = False
    optional: bool = False


COLUMNS = (
    Column("psnr", "PSNR", 2),
    Column("ssim", "SSIM", 3),
    Column("lpips_squeeze", "LPIPS-S", 3),
    Column("lpips_alex", "LPIPS-A", 3, optional=True),
    Column("lpips_vgg", "LPIPS-V", 3, optional=True),
    Column("siou", "SIoU", 3),
    Column("psnr_visible", "PSNR vis", 2),
    Column("ssim_visible", "SSIM vis", 3),
    Column("psnr_occluded", "PSNR occ", 2),
    Column("ssim_occluded", "SSIM occ", 3),
    Column("epe", "EPE px", 2),
    Column("d3", "D3 %", 1, percent=True),
    Column("epe_visible", "EPE vis", 2),
)


@dataclass(frozen=True)
class Table:
    """A title, the titles of columns, and rows of cells; the first `words` columns are text."""

    title: str
    head: list[str]
    rows: list[list[str]]
    words: int = 1


def shown_columns(summary: list[Mean]) -> list[Column]:
    """Return the columns of a table; optional ones only where measured."""
    measured = {key for mean in summary for key in mean.metrics}
    return [column for column in COLUMNS if not column.optional or column.key in measured]


def cell(row: Mean | Published, column: Column) -> str:
    """Return what a table shows of a metric."""
    value = row.metrics.get(column.key)
    if value is None:
        unmeasured = isinstance(row, Mean) and row.metrics and column.key.startswith("lpips")
        return SKIPPED if unmeasured else ABSENT
    shown = f"{value * (100 if column.percent else 1):.{column.digits}f}"
    count = row.counts.get(column.key) if isinstance(row, Mean) else None
    return shown if count is None or count == row.scenes else f"{shown} ({count})"


def groups_of(summary: list[Mean]) -> list[str]:
    """Return the groups in order."""
    return list(dict.fromkeys(mean.group for mean in summary))
