"""What a visitor sees of the inputs before anything is made: the picture and its disparity."""

from typing import Any

import numpy as np
from gradio.components import Component

from stereo.app import markup
from stereo.app.jobs import Desk
from stereo.app.panels import Panel
from stereo.app.preview import data_uri
from stereo.app.request import Request
from stereo.app.uploads import Picture, read_map, read_picture
from stereo.depth.disparity import normalise_disparity, predict_disparity
from stereo.formats.maps import disparity_colour
from stereo.images import Fit
from stereo.pair import StereoPair

PREVIEW_PX = 360


def preview_inputs(panel: Panel, values: dict[Component, Any], desk: Desk) -> str:
    """Show a picture beside its disparity, the visitor's own or the network's, or what is wrong."""
    try:
        request = panel.request(values)
        if request.picture is None and request.own_map is None:
            return ""
        return _preview(request, desk)
    except (ValueError, OSError, MemoryError) as error:
        return markup.notice(str(error), bad=True)


def _preview(request: Request, desk: Desk) -> str:
    picture = None if request.picture is None else read_picture(request.picture, desk.limits)
    disparity = _disparity(request, picture, desk)
    own = request.own_map is not None
    return markup.inputs_preview(
        None if picture is None else data_uri(_small(picture.image), kind="JPEG"),
        data_uri(_small(colour_map(disparity))),
        own=own,
        note="" if picture is None else picture.note,
    )


def _disparity(request: Request, picture: Picture | None, desk: Desk) -> np.ndarray:
    if request.own_map is not None:
        size_px = None if picture is None else picture.size_px
        return read_map(request.own_map, desk.limits, size_px=size_px, is_depth=request.is_depth)
    depth_model = desk.store.depth_model(request.task, request.checkpoint)
    return predict_disparity(depth_model, picture.image)


def colour_map(disparity: np.ndarray) -> np.ndarray:
    """Draw disparity (H, W) of any range as (H, W, 3) uint8, near = yellow.

    Raises:
        ValueError: for a constant one.
    """
    near = normalise_disparity(disparity)
    blank = np.zeros((*near.shape, 3), np.uint8)
    return disparity_colour(StereoPair(blank, blank, near, np.ones(near.shape, bool)))


def _small(picture: np.ndarray) -> np.ndarray:
    height, width = picture.shape[:2]
    scale = min(1, PREVIEW_PX / max(height, width))
    size_px = max(1, round(width * scale)), max(1, round(height * scale))
    return Fit((0, 0, width, height), size_px).image(picture)
