"""What a visitor sees of the inputs before anything is made: the picture and its disparity."""

from typing import Any

import numpy as np
from gradio.components import Component

from stereo.app import markup
from stereo.app.jobs import Desk
from stereo.app.panels import Panel
from stereo.app.preview import data_uri
from stereo.app.request import Request
from stereo.app.uploads import read_map, read_picture, shrunk
from stereo.depth.disparity import normalise_disparity, predict_disparity
from stereo.formats.maps import false_colours

PREVIEW_PIXELS = 360 * 240


def preview_inputs(panel: Panel, values: dict[Component, Any], desk: Desk) -> str:
    """Show a picture beside its disparity, the visitor's own or the network's, or what is wrong."""
    try:
        request = panel.requests(values)[0]
        if request.picture is None and request.own_map is None:
            return markup.NO_INPUTS
        return _preview(request, desk)
    except (ValueError, OSError, MemoryError) as error:
        return f'<div class="sd-inputs">{markup.notice(str(error), bad=True)}</div>'


def _preview(request: Request, desk: Desk) -> str:
    picture = None if request.picture is None else read_picture(request.picture, desk.limits)
    # Made small first: a colour map of many megapixels would take gigabytes.
    near = normalise_disparity(shrunk(_disparity(request, picture, desk), PREVIEW_PIXELS))
    return markup.inputs_preview(
        None if picture is None else data_uri(shrunk(picture, PREVIEW_PIXELS), kind="JPEG"),
        data_uri(false_colours(near)),
        own=request.own_map is not None,
    )


def _disparity(request: Request, picture: np.ndarray | None, desk: Desk) -> np.ndarray:
    if request.own_map is not None:
        size_px = None if picture is None else picture.shape[1::-1]
        return read_map(request.own_map, desk.limits, size_px=size_px, kind=request.map_kind)
    depth_model = desk.store.depth_model(request.task, request.checkpoint)
    return predict_disparity(depth_model, picture)
