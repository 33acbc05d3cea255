"""File formats for stereo pairs: what people and players look at, settings inside every file.

Eye order, stated once: the left view comes first (left half, top half, first frame, even rows);
only the formats named `cross` and `jps` put the right view first, as their viewers expect.
Nothing here knows how a pair is made, and nothing but `viewer` is for one program alone.
"""

from stereo.formats.reading import load, read_settings
from stereo.formats.registry import DEFAULT_FORMATS, FORMATS, Format
from stereo.formats.saving import save_grid, save_pair

__all__ = [
    "DEFAULT_FORMATS",
    "FORMATS",
    "Format",
    "load",
    "read_settings",
    "save_grid",
    "save_pair",
]
