"""Tables of a run's means, in Markdown and LaTeX, published numbers beside ours."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from stereo.evaluation.lpips import MISSING
from stereo.evaluation.metrics import SSIM_VARIANT
from stereo.evaluation.published import PUBLISHED, Published
from stereo.evaluation.results import Mean
from stereo.evaluation.sources import DESCRIPTIONS

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
Line = Callable[[list[str]], str]


def markdown(run: dict[str, Any], summary: list[Mean], notes: list[str]) -> str:
    """Return the tables of all groups as Markdown."""
    columns = shown_columns(summary)
    blocks = [f"# {run['settings']['name']}", "\n".join(f"- {line}" for line in notes)]
    for group in groups_of(summary):
        titles = ["method", "n", *(column.title for column in columns)]
        lines = [_pipes(titles), _pipes(["---", *["---:"] * (len(titles) - 1)])]
        lines += [_pipes(cells) for cells in group_cells(group, summary, columns)]
        blocks += [f"## {group}", "\n".join(lines)]
    return "\n\n".join(blocks) + "\n"


def latex(run: dict[str, Any], summary: list[Mean], notes: list[str]) -> str:
    """Return the same as LaTeX tables (booktabs)."""
    columns = shown_columns(summary)
    blocks = []
    for group in groups_of(summary):
        titles = ["method", "$n$", *(escape(column.title) for column in columns)]
        rows = [[escape(cell) for cell in cells] for cells in group_cells(group, summary, columns)]
        body = "\n".join(" & ".join(cells) + r" \\" for cells in rows)
        caption = escape(f"{run['settings']['name']}: {group}. {' '.join(notes)}")
        blocks.append(
            "\\begin{table}\n\\centering\n"
            f"\\caption{{{caption}}}\n"
            f"\\begin{{tabular}}{{l{'r' * (len(titles) - 1)}}}\n\\toprule\n"
            f"{' & '.join(titles)} \\\\\n\\midrule\n{body}\n\\bottomrule\n"
            "\\end{tabular}\n\\end{table}\n"
        )
    return "\n".join(blocks)


def table_notes(run: dict[str, Any], summary: list[Mean]) -> list[str]:
    """Return what a reader of any table must know."""
    told = run["settings"]
    size = told["size_px"]
    lpips = [c.title for c in shown_columns(summary) if c.key.startswith("lpips")]
    measured = any(key.startswith("lpips") for mean in summary for key in mean.metrics)
    return [
        f"Disparity: {DESCRIPTIONS[told['disparity']]}.",
        f"Views at {'their own size' if size is None else f'{size}x{size}'}, crop {told['crop']}.",
        f"SSIM: {SSIM_VARIANT}. PSNR at data range 1, mean over scenes.",
        f"{', '.join(lpips)}: LPIPS 0.1." if measured else f"LPIPS {MISSING}.",
        "vis/occ: right-view pixels that the left eye sees, or does not; EPE and D3 (off by more "
        "than 3 px): SGBM's disparity of the pair against the truth, gaps filled along rows.",
        *published_notes(summary),
    ]


def generation_notes(methods: dict[str, dict[str, Any]]) -> list[str]:
    """Return how Stable Diffusion was run, a line for every way."""
    by_words: dict[str, list[str]] = {}
    for name, told in methods.items():
        if "ckpt" in told:
            words = (
                f"{told['ckpt']}, {told['steps']} DDIM steps, guidance {told['guidance_scale']:g}, "
                f"seed {told['seed']}, {'' if told['prompted'] else 'no '}prompt; null-text "
                f"inversion, where used, {told['inner_steps']} inner steps at most"
            )
            by_words.setdefault(words, []).append(name)
    return [f"{', '.join(names)}: {words}." for words, names in by_words.items()]


def published_notes(summary: list[Mean]) -> list[str]:
    """Return where the published rows come from."""
    sources = {row.source for group in groups_of(summary) for row in PUBLISHED.get(group, ())}
    return [
        f"(published): {source}, as reported there: other weights, all scenes of the data set."
        for source in sorted(sources)
    ]


def shown_columns(summary: list[Mean]) -> list[Column]:
    """Return the columns of a table; optional ones only where measured."""
    measured = {key for mean in summary for key in mean.metrics}
    return [column for column in COLUMNS if not column.optional or column.key in measured]


def groups_of(summary: list[Mean]) -> list[str]:
    """Return the groups in order."""
    return list(dict.fromkeys(mean.group for mean in summary))


def group_cells(group: str, summary: list[Mean], columns: list[Column]) -> list[list[str]]:
    """Return the rows of a group's table: published ones, then ours."""
    published = [
        [f"{row.method} (published)", ABSENT, *(_cell(row, column) for column in columns)]
        for row in PUBLISHED.get(group, ())
    ]
    ours = [
        [mean.method, str(mean.scenes), *(_cell(mean, column) for column in columns)]
        for mean in summary
        if mean.group == group
    ]
    return published + ours


def _cell(row: Mean | Published, column: Column) -> str:
    value = row.metrics.get(column.key)
    if value is None:
        unmeasured = isinstance(row, Mean) and row.metrics and column.key.startswith("lpips")
        return SKIPPED if unmeasured else ABSENT
    return f"{value * (100 if column.percent else 1):.{column.digits}f}"


def _pipes(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def escape(text: str) -> str:
    """Escape LaTeX's special characters."""
    for character in "&%_#$":
        text = text.replace(character, f"\\{character}")
    return text
