"""Columns of a table, its cells, and the table itself, as Markdown or LaTeX."""

from dataclasses import dataclass

from stereo.cli.markdown import markdown_table
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

    def text(self, value: float | None) -> str:
        """Return a value as the column shows it."""
        if value is None:
            return ABSENT
        return f"{value * (100 if self.percent else 1):.{self.digits}f}"


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
    Column("met3r", "MEt3R", 4, optional=True),
    Column("isqoe", "iSQoE", 4, optional=True),
    Column("isqoe_swapped", "iSQoE, eyes swapped", 4, optional=True),
)


@dataclass(frozen=True)
class Table:
    """A title, the titles of columns, and rows of cells; the first `words` columns are text."""

    title: str
    head: list[str]
    rows: list[list[str]]
    words: int = 1

    def markdown(self) -> str:
        """Return it as Markdown."""
        return f"## {self.title}\n\n{markdown_table(self.head, self.rows, text_columns=self.words)}"

    def latex(self, caption: str) -> str:
        """Return it as LaTeX (booktabs)."""
        layout = "l" * self.words + "r" * (len(self.head) - self.words)
        head, *rows = (" & ".join(map(escape, cells)) + r" \\" for cells in (self.head, *self.rows))
        lines = [
            r"\begin{table}",
            r"\centering",
            rf"\caption{{{escape(caption)}}}",
            rf"\begin{{tabular}}{{{layout}}}",
            *(r"\toprule", head, r"\midrule", *rows, r"\bottomrule"),
            r"\end{tabular}",
            r"\end{table}",
        ]
        return "\n".join(lines) + "\n"


def escape(text: str) -> str:
    """Escape LaTeX's special characters."""
    for character in "&%_#$":
        text = text.replace(character, f"\\{character}")
    return text


def shown_columns(summary: list[Mean]) -> list[Column]:
    """Return the columns of a table; optional ones only where measured."""
    measured = {key for mean in summary for key in mean.metrics}
    return [column for column in COLUMNS if not column.optional or column.key in measured]


def cell(mean: Mean, column: Column) -> str:
    """Return what a table shows of a metric."""
    if column.key not in mean.metrics:
        return SKIPPED if mean.metrics and column.key.startswith("lpips") else ABSENT
    text = column.text(mean.metrics[column.key])
    count = mean.counts[column.key]
    return text if count == mean.scenes else f"{text} ({count})"


def groups_of(summary: list[Mean]) -> list[str]:
    """Return the groups in order."""
    return list(dict.fromkeys(mean.group for mean in summary))
