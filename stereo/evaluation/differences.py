"""Differences between methods: what each part of one brings, and one against another."""

from collections.abc import Callable
from dataclasses import dataclass

from stereo.evaluation.columns import ABSENT, Column, Table, cell, groups_of
from stereo.evaluation.methods.registry import WITHOUT
from stereo.evaluation.results import Mean


@dataclass(frozen=True)
class Aim:
    """An aim in words, and per metric whether a difference is enough (LPIPS: a relative one)."""

    words: str
    is_enough: dict[str, Callable[[float], bool]]


BEST_AIM = Aim(
    "PSNR and SSIM not below, LPIPS-S at least 10 % lower, PSNR occ at least 0.5 dB higher",
    {
        "psnr": lambda gain: gain >= 0,
        "ssim": lambda gain: gain >= 0,
        "lpips_squeeze": lambda gain: gain <= -0.1,
        "psnr_occluded": lambda gain: gain >= 0.5,
    },
)
ORDER_AIM = Aim(
    "PSNR higher, EPE lower", {"psnr": lambda gain: gain > 0, "epe": lambda gain: gain < 0}
)
# The method that should be better, the other one, and the aim.
COMPARISONS = (
    ("best", "telea", BEST_AIM),
    ("best", "paper", ORDER_AIM),
    ("paper", "original", ORDER_AIM),
)
# Metric, title, format; LPIPS is compared by its ratio.
SHOWN = (
    ("psnr", "PSNR", "{:+.2f}"),
    ("ssim", "SSIM", "{:+.4f}"),
    ("lpips_squeeze", "LPIPS-S %", "{:+.1%}"),
    ("psnr_occluded", "PSNR occ", "{:+.2f}"),
    ("epe", "EPE px", "{:+.2f}"),
)
RELATIVE = ("lpips_squeeze",)
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


def comparison_tables(summary: list[Mean]) -> list[Table]:
    """Return one table of all pairs that were measured, or none."""
    by_name = {(mean.group, mean.method): mean for mean in summary}
    rows = [
        _row(by_name[group, method], by_name[group, base], aim)
        for method, base, aim in COMPARISONS
        for group in groups_of(summary)
        if (group, method) in by_name and (group, base) in by_name
    ]
    head = ["difference", "scenes", "n", *(title for _, title, _ in SHOWN), "aim reached"]
    return [Table("Differences", head, rows, words=2)] if rows else []


def comparison_notes(summary: list[Mean]) -> list[str]:
    """Return the aims of the pairs that were measured."""
    methods = {mean.method for mean in summary}
    pairs_of: dict[str, list[str]] = {}
    for method, base, aim in COMPARISONS:
        if {method, base} <= methods:
            pairs_of.setdefault(aim.words, []).append(f"{method} - {base}")
    return [f"Aim of {' and '.join(pairs)}: {words}." for words, pairs in pairs_of.items()]


def _row(method: Mean, base: Mean, aim: Aim) -> list[str]:
    gains = {key: _gain(key, method, base) for key, _, _ in SHOWN}
    cells = [
        ABSENT if gains[key] is None else form.format(gains[key]).replace("%", "")
        for key, _, form in SHOWN
    ]
    enough = [
        None if gains[key] is None else is_enough(gains[key])
        for key, is_enough in aim.is_enough.items()
    ]
    reached = "no" if False in enough else ABSENT if None in enough else "yes"
    count = str(min(method.scenes, base.scenes))
    return [f"{method.method} - {base.method}", method.group, count, *cells, reached]


def _gain(key: str, method: Mean, base: Mean) -> float | None:
    """Return the difference of two means; None where they are not over the same scenes."""
    gain = method.difference(base, key)
    if gain is None or key not in RELATIVE:
        return gain
    return gain / base.metrics[key] if base.metrics[key] else None
