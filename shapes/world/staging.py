"""How freely scenes are arranged and textured: rich ones, calm ones, portraits."""

from dataclasses import dataclass

from shapes.world.seeds import CALM_SEEDS, PORTRAIT_SEEDS

Range = tuple[float, float]
Shares = dict[str, float]


@dataclass(frozen=True)
class Textures:
    """How often objects, floors and walls have which texture."""

    objects: Shares
    floors: Shares
    walls: Shares


RICH = Textures(
    objects=dict(plain=0.28, noise=0.22, leaves=0.18, stripes=0.11, checkers=0.1, dots=0.11),
    floors=dict(
        plain=0.16, noise=0.2, leaves=0.16, wood=0.2, checkers=0.16, stripes=0.06, dots=0.06
    ),
    walls=dict(plain=0.35, noise=0.25, leaves=0.2, wood=0.1, stripes=0.1),
)
# Little hides the shapes here, so that a denoiser learns them sooner.
CALM = Textures(
    objects=dict(plain=0.7, stripes=0.1, checkers=0.1, dots=0.1),
    floors=dict(plain=0.6, wood=0.25, checkers=0.15),
    walls=dict(plain=1.0),
)


@dataclass(frozen=True)
class Staging:
    """How freely a scene is arranged: the ranges that its numbers are drawn from.

    Attributes:
        counts: how often there are so many named objects.
        focal: of the camera, in image widths.
        tilt_degrees: of the camera, downwards.
        aim: of the camera above the objects' centres, in world units.
        single_share: of the image that a single object spans.
        pair_share: of the image for each of two.
        across: distance of each of two from the image's middle, in widths.
        depth: of each of two, in distances.
        edge: farthest place of a single object from the middle, in widths.
        face: how boxes are turned about the vertical on average, in radians.
        turns: how far things are turned from that, in parts of the usual.
        odd: how often, in parts of the usual, things are tall, lie, stand off, are thin or foggy.
    """

    counts: dict[str, float]
    focal: Range
    tilt_degrees: Range
    aim: Range
    single_share: Range
    pair_share: Range
    across: Range
    depth: Range
    edge: float
    face: float
    turns: float
    odd: float


FREE = Staging(
    counts={"1": 0.4, "2": 0.4, "3": 0.1, "4": 0.06, "5": 0.04},
    focal=(1.0, 1.4),
    tilt_degrees=(6, 24),
    aim=(-0.06, 0.12),
    single_share=(0.32, 0.62),
    pair_share=(0.36, 0.5),
    across=(0.1, 0.34),
    depth=(0.88, 1.25),
    edge=0.16,
    face=0.0,
    turns=1.0,
    odd=1.0,
)
# Objects stand where one expects them, so that a small denoiser learns what they look like first.
PORTRAIT = Staging(
    counts={"1": 0.6, "2": 0.4},
    focal=(1.15, 1.25),
    tilt_degrees=(13, 17),
    aim=(0.02, 0.04),
    single_share=(0.5, 0.56),
    pair_share=(0.39, 0.42),
    across=(0.23, 0.26),
    depth=(0.98, 1.03),
    edge=0.03,
    face=0.7,
    turns=0.1,
    odd=0.0,
)


def textures_of(seed: int) -> Textures:
    """Return the textures that a seed's scene draws from."""
    return CALM if seed in CALM_SEEDS else RICH


def staging_of(seed: int) -> Staging:
    """Return the arrangement that a seed's scene draws from."""
    return PORTRAIT if seed in PORTRAIT_SEEDS else FREE
