"""Every format by name: how its files end, how a pair is encoded, whether views can be read back.

A new format is one entry of `FORMATS`.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from PIL import Image

from stereo.formats import anaglyph, containers, layouts, maps, spatial, vr180
from stereo.formats.layouts import Layout, Views
from stereo.formats.names import DEFAULT_NAMES, LAYOUTS, tag
from stereo.formats.png import CROSS_EYED, PARALLEL, encode_png
from stereo.formats.viewer.page import viewer_page
from stereo.pair import StereoPair


@dataclass(frozen=True)
class Format:
    """One kind of file.

    Attributes:
        ending: what follows the stem in the file's name, extension included; tags such as `_LRF`
            are those by which players recognise a layout; see `ending` for others.
        about: one line for the help.
        encode: turns a pair into the file's bytes.
        views: takes both views out of the opened file; None where it does not hold them.
    """

    ending: str
    about: str
    encode: Callable[[StereoPair], bytes]
    views: Callable[[Image.Image], Views] | None = None


def ending(name: str, names: str = DEFAULT_NAMES) -> str:
    """Return how a format's files end under one of the schemes of `stereo.formats.names`."""
    return f"{tag(name, names)}.png" if name in LAYOUTS else FORMATS[name].ending


def check_formats(names: Iterable[str]) -> list[str]:
    """Return the names without repetitions.

    Raises:
        ValueError: for an unknown name.
    """
    chosen = list(dict.fromkeys(names))
    unknown = [name for name in chosen if name not in FORMATS]
    if unknown:
        raise ValueError(f"format: got {unknown[0]!r}, expected one of {', '.join(FORMATS)}")
    return chosen


def _picture(ending: str, about: str, draw: Callable[[StereoPair], np.ndarray]) -> Format:
    return Format(ending, about, lambda pair: encode_png(draw(pair), pair.settings))


def _layout(name: str, about: str, layout: Layout, ster_mode: int | None = None) -> Format:
    def encode(pair: StereoPair) -> bytes:
        picture = layout.pack(pair.left, pair.right)
        return encode_png(picture, pair.settings, ster_mode=ster_mode)

    def views(image: Image.Image) -> Views:
        return layout.unpack(np.array(image.convert("RGB")))

    return Format(f"{tag(name)}.png" if name in LAYOUTS else name, about, encode, views)


def _glasses(ending: str, about: str, filters: anaglyph.Filters) -> Format:
    return _picture(ending, about, lambda pair: anaglyph.anaglyph(pair.left, pair.right, filters))


def _overview(pair: StereoPair) -> np.ndarray:
    glasses = anaglyph.anaglyph(pair.left, pair.right, anaglyph.RED_CYAN_DUBOIS)
    return np.concatenate([pair.left, pair.right, maps.disparity_colour(pair), glasses], axis=1)


_CROSS = layouts.swapped(layouts.SIDE_BY_SIDE)
_HALF_CROSS = layouts.swapped(layouts.HALF_SIDE_BY_SIDE)

FORMATS: dict[str, Format] = {
    "sbs": _layout("sbs", "side by side, left first", layouts.SIDE_BY_SIDE, PARALLEL),
    "half_sbs": _layout("half_sbs", "side by side, half width", layouts.HALF_SIDE_BY_SIDE),
    "cross": _layout("cross", "cross-eyed side by side", _CROSS, CROSS_EYED),
    "half_cross": _layout("half_cross", "cross-eyed, half width", _HALF_CROSS),
    "tb": _layout("tb", "top and bottom, left above", layouts.TOP_BOTTOM),
    "half_tb": _layout("half_tb", "top and bottom, half height", layouts.HALF_TOP_BOTTOM),
    "rows": _layout("_interleaved.png", "rows in turn, left first", layouts.INTERLEAVED),
    "left": _picture("_left.png", "left view", lambda pair: pair.left),
    "right": _picture("_right.png", "right view", lambda pair: pair.right),
    "mpo": Format(
        ".mpo", "two frames for 3D cameras and viewers", containers.encode_mpo, containers.read_mpo
    ),
    "jps": Format(
        ".jps", "JPEG side by side, right first", containers.encode_jps, containers.read_jps
    ),
    "spatial": Format(
        "_spatial.heic",
        "spatial photo, for headsets and telephones",
        spatial.encode_spatial,
        spatial.read_spatial,
    ),
    "vr180": Format(".vr.jpg", "VR180 photo, right eye inside", vr180.encode_vr180),
    "gif": Format(
        "_wiggle.gif",
        "wiggle, a loop between the eyes",
        containers.encode_gif,
        containers.read_wiggle,
    ),
    "webp": Format(
        "_wiggle.webp", "wiggle without loss", containers.encode_webp, containers.read_wiggle
    ),
    "anaglyph": _glasses("_anaglyph.png", "red-cyan, full colour", anaglyph.RED_CYAN),
    "anaglyph_half": _glasses(
        "_anaglyph_half.png", "red-cyan, half colour", anaglyph.RED_CYAN_HALF
    ),
    "anaglyph_grey": _glasses("_anaglyph_grey.png", "red-cyan, grey", anaglyph.RED_CYAN_GREY),
    "anaglyph_dubois": _glasses(
        "_anaglyph_dubois.png", "red-cyan, least squares (Dubois)", anaglyph.RED_CYAN_DUBOIS
    ),
    "anaglyph_green_magenta": _glasses(
        "_anaglyph_green_magenta.png", "green-magenta", anaglyph.GREEN_MAGENTA
    ),
    "anaglyph_amber_blue": _glasses("_anaglyph_amber_blue.png", "amber-blue", anaglyph.AMBER_BLUE),
    "disparity": _picture(
        "_disparity.png", "16-bit disparity of the left view, near = bright", maps.disparity_16bit
    ),
    "disparity_npy": Format("_disparity.npy", "disparity as NumPy array", maps.encode_npy),
    "disparity_colour": _picture(
        "_disparity_colour.png", "disparity in false colours", maps.disparity_colour
    ),
    "mask": _picture("_mask.png", "holes of the view that was made, in white", maps.hole_mask),
    "rgbd": _picture("_RGBD.png", "left view beside its disparity", maps.rgbd),
    "overview": _picture("_overview.png", "views, disparity, anaglyph in a row", _overview),
    "viewer": Format(
        "_viewer.html",
        "viewer, one page that works offline",
        lambda pair: viewer_page(pair).encode(),
    ),
}
DEFAULT_FORMATS: tuple[str, ...] = ("sbs", "left", "right", "disparity", "anaglyph")
