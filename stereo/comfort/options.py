"""What a user can choose about comfort: the display, the rule for the strength, the window."""

from dataclasses import dataclass
from typing import Literal

from stereo.options import StereoOptions, check_fields, option

Rule = Literal["degree", "zone"]
Borders = Literal["fill", "crop", "window"]


@dataclass(frozen=True)
class Viewing:
    """How a picture is looked at: its width on the display, and the distance of the eyes."""

    # From a watch to a cinema; nearer than 5 cm nobody can focus.
    display_width_cm: float = option(
        60.0, "width of the picture on the display", low=1, high=10_000
    )
    viewing_distance_cm: float = option(
        70.0, "distance from the eyes to the display", low=5, high=10_000
    )

    def __post_init__(self) -> None:
        check_fields(self)


@dataclass(frozen=True)
class ComfortOptions(Viewing):
    """How a pair is looked at, and what follows from it for the strength and the borders."""

    max_disparity_px: float | None = option(
        None, "largest shift in pixels of the result, instead of --scale_factor", low=0
    )
    comfort: Literal["none", Rule] = option(
        "none",
        "instead of --scale_factor the largest strength that is comfortable to see: degree, within "
        "1 degree of the screen (Lambooij et al. 2009; taken without RULE), or zone, the zone of "
        "comfort of Shibata et al. 2011",
    )
    borders: Borders = option(
        "fill",
        "what the sides show that comes into view there: filled as other holes are; crop, both "
        "views cut to what both eyes see; or window, also black strips where a side of the display "
        "cuts what stands in front of it",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.max_disparity_px is not None and self.comfort != "none":
            raise ValueError("max_disparity_px: not together with comfort, each sets the strength")

    @property
    def rule(self) -> Rule:
        """Return the rule that the report goes by."""
        return "degree" if self.comfort == "none" else self.comfort

    def check_with(self, options: StereoOptions) -> None:
        """Raise ValueError where the strength is set here and by a map in pixels, too."""
        sets_strength = {
            "max_disparity_px": self.max_disparity_px is not None,
            "comfort": self.comfort != "none",
        }
        for name, is_set in sets_strength.items():
            if is_set and options.metric_disparity:
                raise ValueError(
                    f"{name}: not together with metric_disparity, each sets the strength"
                )
