"""Tables of a run's means, in Markdown and LaTeX, published numbers beside ours."""

from typing import Any

from stereo.evaluation.ablation import ablation_tables, has_base
from stereo.evaluation.columns import ABSENT, Column, Table, cell, groups_of, shown_columns
from stereo.evaluation.comparison import comparison_notes, comparison_tables
from stereo.evaluation.lpips import MISSING
from stereo.evaluation.metrics import SSIM_VARIANT
from stereo.evaluation.published import PUBLISHED
from stereo.evaluation.results import Mean
from stereo.evaluation.sources import DESCRIPTIONS

BACKBONES = {
    "lpips_squeeze": "S SqueezeNet 1.1",
    "lpips_alex": "A AlexNet",
    "lpips_vgg": "V VGG16",
}


def tables_of(summary: list[Mean]) -> list[Table]:
    """Return a run's tables: every group's, ablations, differences."""
    columns = shown_columns(summary)
    groups = [_group_table(group, summary, columns) for group in groups_of(summary)]
    return [*groups, *ablation_tables(summary, columns), *comparison_tables(summary)]


def markdown(run: dict[str, Any], summary: list[Mean], notes: list[str]) -> str:
    """Return all tables as Markdown."""
    blocks = [f"# {run['settings']['name']}", "\n".join(f"- {line}" for line in notes)]
    for table in tables_of(summary):
        numbers = len(table.head) - table.words
        rule = ["---"] * table.words + ["---:"] * numbers
        lines = [_pipes(cells) for cells in (table.head, rule, *table.rows)]
        blocks += [f"## {table.title}", "\n".join(lines)]
    return "\n\n".join(blocks) + "\n"


def latex(run: dict[str, Any], summary: list[Mean], notes: list[str]) -> str:
    """Return the same as LaTeX tables (booktabs)."""
    blocks = []
    for table in tables_of(summary):
        body = "\n".join(_ampersands(cells) for cells in table.rows)
        caption = escape(f"{run['settings']['name']}: {table.title}. {' '.join(notes)}")
        layout = "l" * table.words + "r" * (len(table.head) - table.words)
        blocks.append(
            "\\begin{table}\n\\centering\n"
            f"\\caption{{{caption}}}\n"
            f"\\begin{{tabular}}{{{layout}}}\n\\toprule\n"
            f"{_ampersands(table.head)}\n\\midrule\n{body}\n\\bottomrule\n"
            "\\end{tabular}\n\\end{table}\n"
        )
    return "\n".join(blocks)


def table_notes(run: dict[str, Any], summary: list[Mean]) -> list[str]:
    """Return what a reader of any table must know."""
    told = run["settings"]
    size = told["size_px"]
    measured = {key for mean in summary for key in mean.metrics}
    uneven = any(count != mean.scenes for mean in summary for count in mean.counts.values())
    lpips = [words for key, words in BACKBONES.items() if key in measured]
    return [
        f"Disparity: {DESCRIPTIONS[told['disparity']]}{_depth_model(told)}.",
        f"Views at {'their own size' if size is None else f'{size}x{size}'}, crop {told['crop']}.",
        f"SSIM: {SSIM_VARIANT}. PSNR at data range 1, mean over scenes.",
        f"LPIPS 0.1: {', '.join(lpips)}." if lpips else f"LPIPS {MISSING}.",
        "vis/occ: right-view pixels that the left eye sees, or does not; EPE and D3 (off by more "
        "than 3 px): SGBM's disparity of the pair against the truth, gaps filled along rows.",
        *(["A value over fewer or more scenes than n says over how many."] if uneven else []),
        *comparison_notes(summary),
        *published_notes(summary),
    ]


def generation_notes(methods: dict[str, dict[str, Any]]) -> list[str]:
    """Return how Stable Diffusion was run, a line for every way."""
    by_words: dict[str, list[str]] = {}
    for name, told in methods.items():
        if "ckpt" in told:
            words = (
                f"{told['ckpt']}, {told['steps']} DDIM steps, guidance {told['guidance_scale']:g}, "
                f"seed {told['seed']}, {told['precision']}, "
                f"{'' if told['prompted'] else 'no '}prompt; null-text "
                f"inversion, where used, {told['inner_steps']} inner steps at most"
            )
            by_words.setdefault(words, []).append(name)
    return [f"{', '.join(names)}: {words}." for words, names in by_words.items()]


def _depth_model(told: dict[str, Any]) -> str:
    return f" ({told['depth_model']})" if "depth_model" in told else ""


def published_notes(summary: list[Mean]) -> list[str]:
    """Return where the published rows come from."""
    sources = {row.source for group in groups_of(summary) for row in PUBLISHED.get(group, ())}
    return [
        f"(published): {source}, as reported there: other weights, all scenes of the data set."
        for source in sorted(sources)
    ]


def escape(text: str) -> str:
    """Escape LaTeX's special characters."""
    for character in "&%_#$":
        text = text.replace(character, f"\\{character}")
    return text


def _group_table(group: str, summary: list[Mean], columns: list[Column]) -> Table:
    """Return a group's table: published rows, then ours; variants have tables of their own."""
    published = [
        [f"{row.method} (published)", ABSENT, *(cell(row, column) for column in columns)]
        for row in PUBLISHED.get(group, ())
    ]
    ours = [
        [mean.method, str(mean.scenes), *(cell(mean, column) for column in columns)]
        for mean in summary
        if mean.group == group and not has_base(mean, summary)
    ]
    return Table(group, ["method", "n", *(column.title for column in columns)], published + ours)


def _pipes(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _ampersands(cells: list[str]) -> str:
    return " & ".join(escape(text) for text in cells) + r" \\"
