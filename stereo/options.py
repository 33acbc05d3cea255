"""What a user can choose, as frozen dataclasses, and the presets `original`, `paper` and `best`."""

from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal, get_args, get_origin

from stereo.comfort.limits import Rule, Viewing
from stereo.method.attention import Direction
from stereo.method.shift import Eye, Normalisation, Rounding

SIZE_MULTIPLE_PX = 64
MAX_SIDE_PX = 8192


def _check_range(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise ValueError(f"{name}: got {value}, expected {low} to {high}")


def _check_choices(options: "StereoOptions") -> None:
    for field in fields(options):
        if get_origin(field.type) is Literal and getattr(options, field.name) not in get_args(
            field.type
        ):
            raise ValueError(
                f"{field.name}: got {getattr(options, field.name)!r}, "
                f"expected one of {', '.join(get_args(field.type))}"
            )


def _check_convergence(convergence: float | str) -> None:
    if isinstance(convergence, str) and convergence != "auto":
        raise ValueError(f"convergence: got {convergence!r}, expected 0 to 1, or auto")
    if convergence != "auto":
        _check_range("convergence", convergence, 0, 1)


def _check_strength(options: "StereoOptions") -> None:
    if options.max_disparity_px is not None and options.max_disparity_px < 0:
        raise ValueError(f"max_disparity_px: got {options.max_disparity_px}, expected 0 or more")
    given = {
        "max_disparity_px": options.max_disparity_px is not None,
        "comfort": options.comfort != "none",
        "metric_disparity": options.metric_disparity,
    }
    told = [name for name, is_given in given.items() if is_given]
    if len(told) > 1:
        raise ValueError(f"{told[0]}: not together with {told[1]}, each sets the strength")


@dataclass(frozen=True)
class StereoOptions:
    """How the right view is made out of the left one.

    Attributes:
        preset: name of the preset these options started from; recorded, never read by the method.
        direction: `uni` lets both views attend to the left one, `bi` to both.
        scale_percent: largest shift, in percent of the width (s in eq. 3).
        shift_both: move each view by half of the scale instead of the right one by all of it.
        deblur: put unit-variance noise into the holes of the shift instead of zeros.
        rounding: whole-cell (`truncate` as published, `nearest`) or `subpixel` splatting; with
            fusion only noise is moved by cells, and splatting would lower its variance.
        normalisation: scale disparity to [0, 1] per `image`, or over the `batch` as published.
        shift_step: step after which the shift happens (0-based); None takes a fifth of the steps.
        masked_denoising: write the shifted left view into the right one again after later steps.
        shared_attention: apply the self-attention edit from the shift on.
        warp_depth_condition: show the depth-conditioned UNet the right view's own depth.
        inversion: how a photo becomes noise: `null-text`, as published, or `direct`, where the
            stored inversion is the left branch and nothing is optimised.
        fusion: warp the left picture at its own size and let denoising fill the holes alone,
            guided by the encoded warp at every step.
        renoised_cells: with fusion, set the cells that are known to the encoded warp, noised to
            the step's level, after every step, and not only where denoising sets out.
        guided_start: share of the steps after which that denoising sets out; before it a hole keeps
            what continues its surroundings. Late by measurement with the embedded model, whose
            inventions are worse than that; a model that invents well may start earlier.
        weighed_holes: take over what denoising changes in the holes only in so far as it changes
            more there than where it should change nothing (`stereo.pixels.inpaint.trust`).
        edge_dilation_percent: with fusion, how far objects of a predicted map are widened, in
            percent of the width: its edges are ramps, which tear an object's rim from it.
        metric_disparity: a given map is in pixels and taken as it is.
        convergence: which share of the disparity range lies in the plane of the screen, 0 being
            its farthest; `auto` places it by the histogram (`stereo.depth.parallax`).
        max_disparity_px: largest shift in pixels of the result, instead of `scale_percent`.
        comfort: choose the largest `scale_percent` within the limits of this rule
            (`stereo.comfort.limits`).
        display_width_cm: of the display for which comfort is judged.
        viewing_distance_cm: from the eyes to it.
        eye: whose view is made out of the other's.
        mask_window: black strips where the display's edge cuts what stands in front of it.
        published_bookkeeping: do as the published code, its faults included, from the loaded
            picture to the saved one (`stereo.published`): also re-use the shift's mask, re-shift
            an already shifted left view, and start from pure noise whatever the strength.
        schedule: `published` runs every pass that the published code runs, each of them whole, to
            measure against; the result is that of `exact`.
    """

    preset: str = "paper"
    direction: Direction = "uni"
    scale_percent: float = 8.0
    shift_both: bool = False
    deblur: bool = True
    rounding: Rounding = "nearest"
    normalisation: Normalisation = "image"
    shift_step: int | None = None
    masked_denoising: bool = True
    shared_attention: bool = True
    warp_depth_condition: bool = True
    inversion: Literal["null-text", "direct"] = "null-text"
    fusion: bool = False
    renoised_cells: bool = True
    guided_start: float = 0.9
    weighed_holes: bool = True
    edge_dilation_percent: float = 1.2
    metric_disparity: bool = False
    convergence: float | Literal["auto"] = 0.0
    max_disparity_px: float | None = None
    comfort: Literal["none", Rule] = "none"
    display_width_cm: float = Viewing.display_width_cm
    viewing_distance_cm: float = Viewing.viewing_distance_cm
    eye: Eye = "right"
    mask_window: bool = False
    published_bookkeeping: bool = False
    schedule: Literal["exact", "published"] = "exact"

    def __post_init__(self) -> None:
        _check_choices(self)
        _check_range("guided_start", self.guided_start, 0, 1)
        _check_range("edge_dilation_percent", self.edge_dilation_percent, 0, 5)
        _check_convergence(self.convergence)
        _check_strength(self)
        Viewing(self.display_width_cm, self.viewing_distance_cm)
        if self.fusion and not self.left_stands_alone:
            raise ValueError(
                "fusion: keeps the left view, so it goes with direction 'uni', without shift_both"
            )
        if self.is_wasteful and (self.fusion or self.inversion != "null-text"):
            raise ValueError(
                "schedule: 'published' is that of null-text inversion without fusion, "
                "so it does not go with the preset best"
            )
        if not 0 <= abs(self.scale_percent) <= 50:
            raise ValueError(
                f"scale_percent: got {self.scale_percent}, expected -50 to 50 (% of the width)"
            )
        if self.fusion and self.scale_percent < 0:
            raise ValueError(
                f"scale_percent: got {self.scale_percent} with fusion (preset best), expected 0 or "
                "more; eye 'left' makes the other view"
            )
        if self.eye == "left" and self.shift_both:
            raise ValueError("eye: got 'left', but shift_both makes both views anew")
        if self.shift_step is not None and self.shift_step < 0:
            raise ValueError(f"shift_step: got {self.shift_step}, expected 0 or more")

    @property
    def viewing(self) -> Viewing:
        """Return the display for which comfort is judged."""
        return Viewing(self.display_width_cm, self.viewing_distance_cm)

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
    """How Stable Diffusion is sampled.

    Attributes:
        steps: DDIM steps of the full schedule.
        guidance_scale: classifier-free guidance; 1 switches it off. None takes what suits the
            workflow and the model (`stereo.runtime.guidance`).
        eta: DDIM's eta; 0 is deterministic.
        seed: start noise of the first sample; sample k uses seed + k.
        samples: pictures per prompt.
        height_px: picture height, a multiple of 64; None takes the model's own size.
        width_px: picture width, likewise.
        strength: share of the schedule that is run from a given image, in (0, 1].
    """

    steps: int = 50
    guidance_scale: float | None = None
    eta: float = 0.0
    seed: int = 42
    samples: int = 1
    height_px: int | None = None
    width_px: int | None = None
    strength: float = 1.0

    def __post_init__(self) -> None:
        _check_range("steps", self.steps, 1, 500)
        _check_range("eta", self.eta, 0, 1)
        if self.guidance_scale is not None:
            _check_range("guidance_scale", self.guidance_scale, 0, 100)
        _check_range("samples", self.samples, 1, 1024)
        _check_range("seed", self.seed, 0, 2**32 - 1)
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
