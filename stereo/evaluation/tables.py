"""A run's tables of means, published numbers beside ours, and the notes that belong to them."""

from typing import Any

from stereo.evaluation.columns import ABSENT, Column, Table, cell, groups_of, shown_columns
from stereo.evaluation.differences import (
    ablation_tables,
    comparison_notes,
    comparison_tables,
    has_base,
)
from stereo.evaluation.json_files import has_shape
from stereo.evaluation.lpips import MISSING
from stereo.evaluation.metrics import SSIM_VARIANT
from stereo.evaluation.published import PUBLISHED, SOURCE
from stereo.evaluation.results import Mean
from stereo.evaluation.sources import SOURCES

BACKBONE_TITLES = {
    "lpips_squeeze": "S SqueezeNet 1.1",
    "lpips_alex": "A AlexNet",
    "lpips_vgg": "V VGG16",
}
# What the record of a method that runs Stable Diffusion holds.
GENERATED = {
    **dict.fromkeys(("ckpt", "precision"), str),
    **dict.fromkeys(("steps", "seed", "inner_steps", "prompted"), int),
    "guidance_scale": (int, float),
}


def tables_of(summary: list[Mean]) -> list[Table]:
    """Return a run's tables: every group's, ablations, differences."""
    columns = shown_columns(summary)
    groups = [_group_table(group, summary, columns) for group in groups_of(summary)]
    return [*groups, *ablation_tables(summary, columns), *comparison_tables(summary)]


def markdown(name: str, summary: list[Mean], notes: list[str]) -> str:
    """Return all tables of the run `name` as Markdown."""
    head = [f"# {name}", "\n".join(f"- {line}" for line in notes)]
    return "\n\n".join([*head, *(table.markdown() for table in tables_of(summary))]) + "\n"


def latex(name: str, summary: list[Mean], notes: list[str]) -> str:
    """Return the same as LaTeX tables (booktabs)."""
    words = " ".join(notes)
    return "\n".join(table.latex(f"{name}: {table.title}. {words}") for table in tables_of(summary))


def table_notes(settings: dict[str, Any], summary: list[Mean]) -> list[str]:
    """Return what a reader of any table must know."""
    size_px, source = settings["size_px"], settings["disparity"]
    measured = {key for mean in summary for key in mean.metrics}
    uneven = any(count != mean.scenes for mean in summary for count in mean.counts.values())
    lpips = [title for key, title in BACKBONE_TITLES.items() if key in measured]
    network = f" ({settings['depth_model']})" if "depth_model" in settings else ""
    size = "their own size" if size_px is None else f"{size_px}x{size_px}"
    return [
        f"Disparity: {SOURCES.get(source, source)}{network}.",
        f"Views at {size}, crop {settings['crop']}.",
        f"SSIM: {SSIM_VARIANT}. PSNR at data range 1, mean over scenes.",
        f"LPIPS 0.1: {', '.join(lpips)}." if lpips else f"LPIPS {MISSING}.",
        "vis/occ: right-view pixels that the left eye sees, or does not; EPE and D3 (off by more "
        "than 3 px): SGBM's disparity of the pair against the truth, gaps filled along rows.",
        *(["A value over fewer or more scenes than n says over how many."] if uneven else []),
        *comparison_notes(summary),
        *_published_notes(summary),
    ]


def generation_notes(methods: dict[str, dict[str, Any]]) -> list[str]:
    """Return how Stable Diffusion was run, a line for every way; `methods` are their records."""
    names_of: dict[str, list[str]] = {}
    for name, record in methods.items():
        if has_shape(record, GENERATED):
            words = (
                f"{record['ckpt']}, {record['steps']} DDIM steps, guidance "
                f"{record['guidance_scale']:g}, seed {record['seed']}, {record['precision']}, "
                f"{'' if record['prompted'] else 'no '}prompt; null-text "
                f"inversion, where used, {record['inner_steps']} inner steps at most"
            )
            names_of.setdefault(words, []).append(name)
    return [f"{', '.join(names)}: {words}." for words, names in names_of.items()]


def _published_notes(summary: list[Mean]) -> list[str]:
    """Return where the published rows come from, where there are any."""
    words = f"{SOURCE}, as reported there: other weights, all scenes of the data set"
    return [f"(published): {words}."] if {*groups_of(summary)} & {*PUBLISHED} else []


def _group_table(group: str, summary: list[Mean], columns: list[Column]) -> Table:
    """Return a group's table: published rows, then ours; variants have tables of their own."""
    published = [
        [
            f"{name} (published)",
            ABSENT,
            *(column.text(metrics.get(column.key)) for column in columns),
        ]
        for name, metrics in PUBLISHED.get(group, {}).items()
    ]
    ours = [
        [mean.method, str(mean.scenes), *(cell(mean, column) for column in columns)]
        for mean in summary
        if mean.group == group and not has_base(mean, summary)
    ]
    return Table(group, ["method", "n", *(column.title for column in columns)], published + ours)
