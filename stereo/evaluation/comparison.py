"""How much one method is above another, and whether that is what was aimed at."""

from collections.abc import Callable
from dataclasses import dataclass

from stereo.evaluation.columns import ABSENT, Table, groups_of
from stereo.evaluation.results import Mean

BEST_AIM = "PSNR and SSIM not below, LPIPS-S at least 10 % lower, PSNR occ at least 0.5 dB higher"
ORDER_AIM = "PSNR higher, EPE lower"


@dataclass(frozen=True)
class Comparison:
    """A pair of methods, and what the differences of their means should be.

    Attributes:
        method: the one that should be better.
        base: the other one.
        aim: in words.
        wanted: per metric, whether a difference is enough; of LPIPS it is relative.
    """

    method: str
    base: str
    aim: str
    wanted: dict[str, Callable[[float], bool]]


COMPARISONS = (
    Comparison(
        "best",
        "telea",
        BEST_AIM,
        {
            "psnr": lambda gain: gain >= 0,
            "ssim": lambda gain: gain >= 0,
            "lpips_squeeze": lambda gain: gain <= -0.1,
            "psnr_occluded": lambda gain: gain >= 0.5,
        },
    ),
    *(
        Comparison(
            method, base, ORDER_AIM, {"psnr": lambda gain: gain > 0, "epe": lambda gain: gain < 0}
        )
        for method, base in (("best", "paper"), ("paper", "original"))
    ),
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


def comparison_tables(summary: list[Mean]) -> list[Table]:
    """Return one table of all pairs that were measured, or none."""
    means = {(mean.group, mean.method): mean for mean in summary}
    rows = [
        _row(pair, means[group, pair.method], means[group, pair.base])
        for pair in COMPARISONS
        for group in groups_of(summary)
        if (group, pair.method) in means and (group, pair.base) in means
    ]
    head = ["difference", "scenes", "n", *(title for _, title, _ in SHOWN), "aim reached"]
    return [Table("Differences", head, rows, words=2)] if rows else []


def comparison_notes(summary: list[Mean]) -> list[str]:
    """Return the aims of the pairs that were measured."""
    methods = {mean.method for mean in summary}
    by_aim: dict[str, list[str]] = {}
    for pair in COMPARISONS:
        if {pair.method, pair.base} <= methods:
            by_aim.setdefault(pair.aim, []).append(f"{pair.method} - {pair.base}")
    return [f"Aim of {' and '.join(pairs)}: {aim}." for aim, pairs in by_aim.items()]


def _row(pair: Comparison, method: Mean, base: Mean) -> list[str]:
    gains = {key: _gain(key, method, base) for key, _, _ in SHOWN}
    shown = [
        ABSENT if gains[key] is None else form.format(gains[key]).replace("%", "")
        for key, _, form in SHOWN
    ]
    count = str(min(method.scenes, base.scenes))
    return [f"{pair.method} - {pair.base}", method.group, count, *shown, _reached(pair, gains)]


def _gain(key: str, method: Mean, base: Mean) -> float | None:
    """Return the difference of two means; None where they are not over the same scenes."""
    if not method.has_scenes_of(base, key):
        return None
    gain = method.metrics[key] - base.metrics[key]
    if key not in RELATIVE:
        return gain
    return gain / base.metrics[key] if base.metrics[key] else None


def _reached(pair: Comparison, gains: dict[str, float | None]) -> str:
    judged = [
        None if gains[key] is None else enough(gains[key]) for key, enough in pair.wanted.items()
    ]
    if False in judged:
        return "no"
    return ABSENT if None in judged else "yes"
