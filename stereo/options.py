"""What a user can choose, as frozen dataclasses, and the presets `original`, `paper` and `best`.

Every field carries its help text, its choices (a `Literal`) and its range. The command line is
built from them, so each is stated once; nothing here imports torch.
"""

import math
from collections.abc import Sequence
from dataclasses import Field, asdict, dataclass, field, fields, replace
from typing import Any, Literal, get_args, get_origin

Direction = Literal["uni", "bi"]
Eye = Literal["left", "right"]
Normalisation = Literal["batch", "image"]
Rounding = Literal["truncate", "nearest", "subpixel"]
Inversion = Literal["null-text", "direct"]
Task = Literal["text", "depth", "image"]
MapKind = Literal["near-bright", "far-bright", "depth", "disparity_px"]

# Of scripts, page and Python alike.
DEFAULT_PRESET = "paper"
SIZE_MULTIPLE_PX = 64
MAX_SIDE_PX = 8192
# Largest shift, in percent of the width.
MAX_SCALE_PERCENT = 50.0
# PyTorch's CPU generator looks at the lowest 32 bits of a seed.
SEEDS = 2**32
# One degree in front of and behind the display that `stereo.comfort` takes for granted.
COMFORTABLE_PERCENT = (2.0411941916412424, 2.0395916301155426)


def option(
    default: Any, description: str, *, low: float | None = None, high: float | None = None
) -> Any:
    """Declare a field with its help text and, for numbers, its smallest and largest value."""
    return field(default=default, metadata={"help": description, "low": low, "high": high})


def choices(of: Field) -> tuple[str, ...]:
    """Return the values that a field of type `Literal` may have; none for other types."""
    return get_args(of.type) if get_origin(of.type) is Literal else ()


def check_fields(values: Any) -> None:
    """Check every field of a dataclass instance against its choices and its range.

    Raises:
        ValueError: naming the field, what came and what was expected.
    """
    for each in fields(values):
        value = getattr(values, each.name)
        allowed = choices(each)
        if allowed and value not in allowed:
            raise ValueError(
                f"{each.name}: got {value!r}, expected one of {', '.join(map(str, allowed))}"
            )
        low, high = each.metadata.get("low"), each.metadata.get("high")
        if low is None or value is None or isinstance(value, str):
            continue
        if not low <= value <= (math.inf if high is None else high):
            ends = f"{low:g} or more" if high is None else f"{low:g} to {high:g}"
            raise ValueError(f"{each.name}: got {value}, expected {ends}")


@dataclass(frozen=True)
class StereoOptions:
    """How the right view is made out of the left one.

    `preset` is recorded and never read by the method. Methods refer to the paper's equations.
    """

    preset: str = "paper"
    direction: Direction = option(
        "uni", "whether both views attend to the left one (uni) or to both (bi)"
    )
    scale_percent: float = option(
        8.0,
        "largest shift, in percent of the width (s in eq. 3)",
        low=-MAX_SCALE_PERCENT,
        high=MAX_SCALE_PERCENT,
    )
    shift_both: bool = option(False, "move each view by half of the shift")
    deblur: bool = option(True, "put noise into the holes of the shift, instead of zeros")
    rounding: Rounding = option("nearest", "how shifts become cells of the latents")
    normalisation: Normalisation = option(
        "image", "scale disparity to [0, 1] by each image's range or by the batch's"
    )
    shift_step: int | None = option(
        None, "step, from 0, after which the shift happens; None: a fifth of them", low=0, high=500
    )
    masked_denoising: bool = option(
        True, "write the shifted left latents into the right ones again after later steps"
    )
    shared_attention: bool = option(True, "edit self-attention from the shift on")
    warp_depth_condition: bool = option(
        True, "show a depth-conditioned network the right view's own depth"
    )
    inversion: Inversion = option(
        "null-text",
        "how a photo becomes noise: null-text optimisation, or direct, which replays the stored "
        "inversion as the left branch",
    )
    fusion: bool = option(
        False, "warp the left picture at its own size and let diffusion fill the holes alone"
    )
    renoised_cells: bool = option(
        True, "with fusion, set known cells to the encoded warp after every step"
    )
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
        "percent of the width by which the preset best widens objects of a predicted map, whose "
        "edges are soft; your own maps stay as they are",
        low=0,
        high=5,
    )
    refined_edges: bool = option(
        False, "with best, fit the edges of a predicted map to the picture's own"
    )
    metric_disparity: bool = option(
        False, "the disparity map is in pixels of the picture, and taken as it is (preset best)"
    )
    convergence: float | Literal["auto"] = option(
        0.0,
        "share of the disparity range, from the farthest point, that lies in the plane of the "
        "screen; auto places it by the histogram, within the limits of comfort",
        low=0,
        high=1,
    )
    parallax_limits_percent: tuple[float, float] = option(
        COMFORTABLE_PERCENT,
        "largest parallax in front of and behind the screen for convergence auto",
    )
    eye: Eye = option("right", "whose view is made out of the other's")
    published_bookkeeping: bool = option(
        False,
        "do as the published code, its faults included, from the loaded picture to the saved one; "
        "also keep the shift's mask and re-shift a shifted left view",
    )

    def __post_init__(self) -> None:
        check_fields(self)
        if isinstance(self.convergence, str) and self.convergence != "auto":
            raise ValueError(f"convergence: got {self.convergence!r}, expected 0 to 1, or auto")
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
            raise ValueError("eye: got 'left', but shift_both moves both views")

    @property
    def left_stands_alone(self) -> bool:
        """Return whether the left view neither moves nor looks at the right one."""
        return not self.shift_both and (self.direction == "uni" or not self.shared_attention)


@dataclass(frozen=True)
class SamplingOptions:
    """How Stable Diffusion is sampled; sample k has the seed `seed` + k."""

    steps: int = option(50, "DDIM steps of the full schedule", low=1, high=500)
    guidance_scale: float | None = option(
        None,
        "classifier-free guidance; 1 switches it off; None: the model's or the workflow's own",
        low=0,
        high=100,
    )
    eta: float = option(0.0, "DDIM's eta, the share of fresh noise per step", low=0, high=1)
    seed: int = option(42, "seed of the first sample's start noise", low=0, high=SEEDS - 1)
    samples: int = option(1, "pairs at a time", low=1, high=1024)
    height_px: int | None = option(None, "height", low=SIZE_MULTIPLE_PX, high=MAX_SIDE_PX)
    width_px: int | None = option(None, "width", low=SIZE_MULTIPLE_PX, high=MAX_SIDE_PX)
    strength: float = option(1.0, "share of the schedule that is run from a given image")

    def __post_init__(self) -> None:
        check_fields(self)
        for name in ("height_px", "width_px"):
            size_px = getattr(self, name)
            if size_px is not None and size_px % SIZE_MULTIPLE_PX:
                raise ValueError(
                    f"{name}: got {size_px}, expected a multiple of {SIZE_MULTIPLE_PX}, "
                    f"at most {MAX_SIDE_PX}"
                )
        if not 0 < self.strength <= 1:
            raise ValueError(f"strength: got {self.strength}, expected more than 0, at most 1")

    @property
    def seeds(self) -> Sequence[int]:
        """Return the seed of every sample."""
        return range(self.seed, self.seed + self.samples)


@dataclass(frozen=True)
class NullTextOptions:
    """How null-text inversion optimises; the defaults are the published ones."""

    inner_steps: int = option(10, "Adam steps for each denoising step, at most", low=1, high=1000)
    epsilon: float = option(1e-5, "stop when the loss is below this + step * 2e-5")
    scale_with_steps: bool = option(
        True, "run the course that the published 50 steps take in any number of steps"
    )

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
        published_bookkeeping=True,
    ),
    "paper": StereoOptions(),
    "best": StereoOptions(
        preset="best",
        scale_percent=sum(COMFORTABLE_PERCENT),
        convergence="auto",
        inversion="direct",
        fusion=True,
    ),
}


def preset(name: str, **changes: Any) -> StereoOptions:
    """Return the options of a preset with the named fields changed; None leaves a field alone.

    A map in pixels is taken as it is, so its convergence is 0 where none is given.

    Raises:
        ValueError: for an unknown preset, field or value.
    """
    if name not in PRESETS:
        raise ValueError(f"preset: got {name!r}, expected one of {', '.join(PRESETS)}")
    names = {each.name for each in fields(StereoOptions)}
    unknown = sorted(set(changes) - names)
    if unknown:
        raise ValueError(f"{unknown[0]}: not a stereo option, expected one of {sorted(names)}")
    given = {field: value for field, value in changes.items() if value is not None}
    if given.get("metric_disparity"):
        given = {"convergence": 0.0, **given}
    return replace(PRESETS[name], **given)


def settings_of(stereo: StereoOptions, sampling: SamplingOptions) -> dict[str, Any]:
    """Return both option sets as one flat JSON-able dictionary."""
    return {**asdict(stereo), **asdict(sampling)}
