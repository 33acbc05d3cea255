"""Ablation tables: a method, and it less one part each, with what the part brings."""

from stereo.evaluation.columns import ABSENT, Column, Table, cell, groups_of
from stereo.evaluation.methods.registry import WITHOUT
from stereo.evaluation.results import Mean

# What is lost without a part: a column's title, the metric, and the sign of a loss.
LOSSES = (
    ("PSNR lost", "psnr", 1),
    ("PSNR occ lost", "psnr_occluded", 1),
    ("EPE added", "epe", -1),
)


def has_base(mean: Mean, summary: list[Mean]) -> bool:
    """Tell whether a method is a measured one less a part, which the ablation's table shows."""
    base = mean.method.partition(WITHOUT)[0]
    return base != mean.method and any(other.method == base for other in summary)


def ablation_tables(summary: list[Mean], columns: list[Column]) -> list[Table]:
    """Return a table for every group and method that has variants."""
    tables = []
    for group in groups_of(summary):
        members = [mean for mean in summary if mean.group == group]
        for base in members:
            variants = [mean for mean in members if mean.method.startswith(base.method + WITHOUT)]
            if variants:
                tables.append(_table(base, variants, columns))
    return tables


def _table(base: Mean, variants: list[Mean], columns: list[Column]) -> Table:
    rows = [
        [
            mean.method if mean is base else mean.method.removeprefix(base.method + "-"),
            str(mean.scenes),
            *(cell(mean, column) for column in columns),
            *(_loss(base, mean, key, sign) for _, key, sign in LOSSES),
        ]
        for mean in (base, *variants)
    ]
    titles = [column.title for column in columns] + [title for title, _, _ in LOSSES]
    title = f"{base.group}: what the parts of {base.method} bring"
    return Table(title, ["method", "n", *titles], rows)


def _loss(base: Mean, variant: Mean, key: str, sign: int) -> str:
    loss = None if variant is base else base.difference(variant, key)
    return ABSENT if loss is None else f"{sign * loss:+.2f}"
