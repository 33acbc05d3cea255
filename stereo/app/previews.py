"""What a visitor sees of the inputs before anything is made: the picture and its disparity."""

from typing import Any

import numpy as np
from gradio.components import Component

from stereo.app import markup
from stereo.app.jobs import Desk
from stereo.app.panels import Panel
from stereo.app.preview import data_uri
from stereo.app.request import Request
from stereo.app.uploads import Picture, read_map, read_picture, shrunk
from stereo.depth.disparity import normalise_disparity, predict_disparity
from stereo.formats.maps import false_colours

PREVIEW_PIXELS = 360 * 240


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
    # Made small first: a colour map of many megapixels would take gigabytes.
    near = normalise_disparity(shrunk(_disparity(request, picture, desk), PREVIEW_PIXELS))
    return markup.inputs_preview(
        picture and data_uri(shrunk(picture.image, PREVIEW_PIXELS), kind="JPEG"),
        data_uri(false_colours(near)),
        own=request.own_map is not None,
        note=picture.note if picture else "",
    )


def _disparity(request: Request, picture: Picture | None, desk: Desk) -> np.ndarray:
    if request.own_map is not None:
        size_px = picture and picture.size_px
        return read_map(request.own_map, desk.limits, size_px=size_px, kind=request.map_kind)
    depth_model = desk.store.depth_model(request.task, request.checkpoint)
    return predict_disparity(depth_model, picture.image)
