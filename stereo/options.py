"""What a user can choose, as frozen dataclasses, and the presets `original`, `paper` and `best`."""

from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Literal, get_args, get_origin

SIZE_MULTIPLE_PX = 64
MAX_SIDE_PX = 8192
Direction = Literal["uni", "bi"]
Rounding = Literal["truncate", "nearest", "subpixel"]
Normalisation = Literal["image", "batch"]
Eye = Literal["left", "right"]
MapKind = Literal["near-bright", "far-bright", "depth", "disparity_px"]


def option(default: Any, help: str, *, low: float | None = None, high: float | None = None) -> Any:
    """Return a dataclass field that carries its help and its range, ends included."""
    return field(default=default, metadata={"help": help, "low": low, "high": high})


def check_range(name: str, value: float, low: float | None, high: float | None) -> None:
    """Raise ValueError unless a value lies in a range; None leaves an end open."""
    if not (low is None or low <= value) or not (high is None or value <= high):
        ends = f"{low} or more" if high is None else f"{low} to {high}"
        raise ValueError(f"{name}: got {value}, expected {ends}")


def check_fields(options: Any) -> None:
    """Check every field of an options dataclass against its choices and its range.

    Raises:
        ValueError: naming the field.
    """
    for each in fields(options):
        value = getattr(options, each.name)
        if get_origin(each.type) is Literal and value not in get_args(each.type):
            choices = ", ".join(get_args(each.type))
            raise ValueError(f"{each.name}: got {value!r}, expected one of {choices}")
        low, high = each.metadata.get("low"), each.metadata.get("high")
        if isinstance(value, int | float) and (low, high) != (None, None):
            check_range(each.name, value, low, high)


def _check_convergence(convergence: float | str) -> None:
    if isinstance(convergence, str) and convergence != "auto":
        raise ValueError(f"convergence: got {convergence!r}, expected 0 to 1, or auto")


@dataclass(frozen=True)
class StereoOptions:
    """How the right view is made out of the left one; each field's help says what it is."""

    preset: str = option("paper", "as the published code, as the paper, or the best there is")
    direction: Direction = option("uni", "views attend to the left one (uni), or to both (bi)")
    scale_percent: float = option(8.0, "largest shift in percent of the width", low=-50, high=50)
    shift_both: bool = option(False, "move both views by half")
    deblur: bool = option(True, "noise in the holes of the shift")
    rounding: Rounding = option("nearest", "how shifts become whole latent cells")
    normalisation: Normalisation = option("image", "what scales disparity to [0, 1]")
    shift_step: int | None = option(None, "step after which the shift happens", low=0)
    masked_denoising: bool = option(True, "write the shifted left view into the right one again")
    shared_attention: bool = option(True, "apply the self-attention edit from the shift on")
    warp_depth_condition: bool = option(True, "show the UNet the right view's own depth")
    inversion: Literal["null-text", "direct"] = option("null-text", "how the picture becomes noise")
    fusion: bool = option(False, "warp the left picture and let denoising fill the holes alone")
    renoised_cells: bool = option(True, "set known cells to the encoded warp after every step")
    guided_start: float = option(
        0.9,
        "share of the steps after which the preset best lets denoising change what continues a "
        "hole's surroundings: earlier invents more",
        low=0,
        high=1,
    )
    weighed_holes: bool = option(
        True,
        "take that change over only in so far as the model is right where the picture is known",
    )
    edge_dilation_percent: float = option(
        1.2,
        "percent of the width by which the preset best widens objects of the depth network's map, "
        "whose edges are soft; your own maps stay as they are",
        low=0,
        high=5,
    )
    metric_disparity: bool = option(False, "a given map is in pixels and taken as it is")
    convergence: float | Literal["auto"] = option(
        0.0,
        "share of the disparity range, 0 being its farthest, that lies in the plane of the screen; "
        "auto: by the histogram, within the limits of comfort",
        low=0,
        high=1,
    )
    parallax_limits_percent: tuple[float, float] = option(
        (2.078, 2.015), "largest parallax in front of and behind the screen for convergence auto"
    )
    eye: Eye = option("right", "whose view is made out of the other's")
    published_depth_input: bool = option(False, "feed DPT without its normalisation")
    published_bookkeeping: bool = option(False, "re-use the shift's mask, as published")
    schedule: Literal["exact", "published"] = option("exact", "passes that are run")

    def __post_init__(self) -> None:
        check_fields(self)
        _check_convergence(self.convergence)
        if self.fusion and not self.left_stands_alone:
            raise ValueError(
                "fusion: keeps the left view, so it goes with direction 'uni', without shift_both"
            )
        if self.fusion and self.scale_percent < 0:
            raise ValueError(
                f"scale_percent: got {self.scale_percent} with fusion (preset best), expected 0 or "
                "more; eye 'left' makes the other view"
            )
        if self.eye == "left" and self.shift_both:
            raise ValueError("eye: got 'left', but shift_both makes both views anew")

    @property
    def is_wasteful(self) -> bool:
        """Return whether the published code's needless work is done, too."""
        return self.schedule == "published"

    @property
    def left_stands_alone(self) -> bool:
        """Return whether the left view neither moves nor looks at the right one."""
        return not self.shift_both and (self.direction == "uni" or not self.shared_attention)


@dataclass(frozen=True)
class SamplingOptions:
    """How Stable Diffusion is sampled; each field's help says what it is."""

    steps: int = option(50, "DDIM steps", low=1, high=500)
    guidance_scale: float | None = option(None, "guidance scale", low=0, high=100)
    eta: float = option(0.0, "eta of DDIM", low=0, high=1)
    seed: int = option(42, "of the start noise", low=0, high=2**32 - 1)
    samples: int = option(1, "pairs at a time", low=1, high=1024)
    height_px: int | None = option(None, "height, a multiple of 64")
    width_px: int | None = option(None, "width, a multiple of 64")
    strength: float = option(1.0, "how much of the picture is made anew, up to 1")

    def __post_init__(self) -> None:
        check_fields(self)
        for name in ("height_px", "width_px"):
            size = getattr(self, name)
            if size is not None and (not 0 < size <= MAX_SIDE_PX or size % SIZE_MULTIPLE_PX):
                raise ValueError(
                    f"{name}: got {size}, expected a multiple of {SIZE_MULTIPLE_PX}, "
                    f"at most {MAX_SIDE_PX}"
                )
        if not 0 < self.strength <= 1:
            raise ValueError(f"strength: got {self.strength}, expected more than 0, at most 1")

    @property
    def seeds(self) -> range:
        """Return the seed of every sample."""
        return range(self.seed, self.seed + self.samples)


@dataclass(frozen=True)
class NullTextOptions:
    """Settings of the null-text optimisation; the defaults are the published ones."""

    inner_steps: int = option(
        10, "optimisation steps of the null-text inversion per DDIM step, at most", low=1
    )
    epsilon: float = option(1e-5, "stop when the loss is below epsilon + step * 2e-5")
    scale_with_steps: bool = option(True, "run the same course in any number of steps")

    def __post_init__(self) -> None:
        check_fields(self)


PRESETS: dict[str, StereoOptions] = {
    "original": StereoOptions(
        preset="original",
        deblur=False,
        rounding="truncate",
        normalisation="batch",
        shift_step=10,
        warp_depth_condition=False,
        published_depth_input=True,
        published_bookkeeping=True,
    ),
    "paper": StereoOptions(),
    "best": StereoOptions(preset="best", inversion="direct", fusion=True),
}


def preset(name: str, **changes: Any) -> StereoOptions:
    """Return the options of a preset with the named fields changed; None leaves a field alone.

    Raises:
        ValueError: for an unknown preset, field or value.
    """
    if name not in PRESETS:
        raise ValueError(f"preset: got {name!r}, expected one of {', '.join(PRESETS)}")
    known = {field.name for field in fields(StereoOptions)}
    unknown = sorted(set(changes) - known)
    if unknown:
        raise ValueError(f"{unknown[0]}: not a stereo option, expected one of {sorted(known)}")
    return replace(PRESETS[name], **{k: v for k, v in changes.items() if v is not None})


def settings_of(stereo: StereoOptions, sampling: SamplingOptions) -> dict[str, Any]:
    """Return both option sets as one flat JSON-able dictionary."""
    return {**asdict(stereo), **asdict(sampling)}
