"""One line of the table of figures."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Line:
    """A figure with what was asked of it.

    Attributes:
        figure: what was measured.
        value: None where it could not be; `note` then says why.
        target: to be reached, or where it is 0 to be passed.
        unit: "dB", "%" (values are shares then) or "".
        count: pictures or scenes behind the value.
        note: what to hold the value against.
    """

    figure: str
    value: float | None
    target: float
    unit: str
    count: int
    note: str = ""

    @property
    def is_met(self) -> bool:
        """Tell whether the target is reached."""
        if self.value is None:
            return False
        return self.value > 0 if self.target == 0 else self.value >= self.target


def written(value: float, unit: str) -> str:
    """Write a value with its unit."""
    if unit == "%":
        return f"{100 * value:.1f} %"
    return f"{value:.2f} dB" if unit == "dB" else f"{value:.3f}"


def percent(hits: list[bool]) -> float:
    """Return the share of hits."""
    return sum(hits) / len(hits)
