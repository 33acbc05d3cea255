"""Ablation tables: a method, and it less one part each, with what the part brings."""

from stereo.evaluation.columns import ABSENT, Column, Table, cell, groups_of
from stereo.evaluation.methods import WITHOUT
from stereo.evaluation.results import Mean

# What is lost without a part, in metrics of which more, and less, is better.
LOST = (Column("psnr", "PSNR lost", 2), Column("psnr_occluded", "PSNR occ lost", 2))
ADDED = (Column("epe", "EPE added", 2),)


def has_base(mean: Mean, summary: list[Mean]) -> bool:
    """Tell whether a method is a measured one less a part, which the ablation's table shows."""
    base = mean.method.partition(WITHOUT)[0]
    return base != mean.method and any(other.method == base for other in summary)


def ablation_tables(summary: list[Mean], columns: list[Column]) -> list[Table]:
    """Return a table for every group and method that has variants."""
    return [
        _table(group, base, members, columns)
        for group in groups_of(summary)
        for members in [[mean for mean in summary if mean.group == group]]
        for base in members
        if any(mean.method.startswith(base.method + WITHOUT) for mean in members)
    ]


def _table(group: str, base: Mean, members: list[Mean], columns: list[Column]) -> Table:
    variants = [mean for mean in members if mean.method.startswith(base.method + WITHOUT)]
    rows = [
        [
            base.method if mean is base else mean.method.removeprefix(base.method + "-"),
            str(mean.scenes),
            *(cell(mean, column) for column in columns),
            *(_change(base, mean, column) for column in (*LOST, *ADDED)),
        ]
        for mean in (base, *variants)
    ]
    head = ["method", "n", *(column.title for column in (*columns, *LOST, *ADDED))]
    return Table(f"{group}: what the parts of {base.method} bring", head, rows)


def _change(base: Mean, variant: Mean, column: Column) -> str:
    key = column.key
    if variant is base or not variant.has_scenes_of(base, key):
        return ABSENT
    more = base.metrics[key] - variant.metrics[key]
    return f"{more if column in LOST else -more:+.{column.digits}f}"
