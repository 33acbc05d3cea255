"""The headset: offered only where there is one, and each eye gets its own view.

No headset is at hand, so a stand-in for the browser's WebXR device takes its place: its two
views draw into the halves of the page's own WebGL canvas.
"""

import numpy as np
import pytest

from stereo.pair import StereoPair
from tests.stereo.formats.viewer.chromium import decode
from tests.stereo.formats.viewer.conftest import Opener, make_pair

STAND_IN = """
const size = 64;
let gl;
window.XRWebGLLayer = class {
    constructor(session, context) {
        gl = context;
        gl.canvas.width = 2 * size;
        gl.canvas.height = size;
        this.framebuffer = null;
    }
    getViewport({eye}) { return {x: eye === "right" ? size : 0, y: 0, width: size, height: size}; }
};
const far = -2, half = 0.65;
// Such that the screen of the pair, 1.3 m high at 2 m, fills the view.
const projection = new Float32Array([
    -far / half, 0, 0, 0, 0, -far / half, 0, 0, 0, 0, -1, -1, 0, 0, -0.1, 0]);
const identity = new Float32Array([1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]);
const views = ["left", "right"].map((eye) => ({
    eye, projectionMatrix: projection, transform: {inverse: {matrix: identity}}}));
const session = {
    renderState: {},
    updateRenderState(state) { this.renderState = state; },
    requestReferenceSpace: async () => ({}),
    requestAnimationFrame(draw) {
        if (window.seenByEyes) return;
        requestAnimationFrame(() => {
            draw(0, {getViewerPose: () => ({views})});
            window.seenByEyes = gl.canvas.toDataURL();
        });
    },
    end: async () => { window.ended = true; },
};
Object.defineProperty(navigator, "xr", {value: {
    isSessionSupported: async (kind) => kind === "immersive-vr",
    requestSession: async () => session,
}});
"""
BROKEN = STAND_IN.replace(
    "requestReferenceSpace: async () => ({})",
    "requestReferenceSpace: async () => { throw new Error('no place to stand'); }",
)
WITHOUT = "Object.defineProperty(navigator, 'xr', {value: undefined});"


def plain_pair() -> StereoPair:
    """A red left view and a blue right one, the upper half brighter."""
    pair = make_pair()
    views = np.zeros((2, 32, 32, 3), np.uint8)
    views[0, :16, :, 0], views[0, 16:, :, 0] = 250, 100
    views[1, :16, :, 2], views[1, 16:, :, 2] = 250, 100
    return StereoPair(
        *views, np.zeros((32, 32)), pair.valid[:, :32], {"scale_percent": 0, "task": "text"}
    )


@pytest.mark.parametrize("before, offered", [("", False), (WITHOUT, False), (STAND_IN, True)])
def test_headset_is_offered_where_there_is_one(
    open_page: Opener, before: str, offered: bool
) -> None:
    viewer = open_page(before=before)
    button = viewer.page.locator("#headset")
    if offered:
        button.wait_for(state="visible")
    viewer.settle()
    assert button.is_visible() is offered


def test_each_eye_sees_its_own_view_upright(open_page: Opener) -> None:
    viewer = open_page(plain_pair(), before=STAND_IN)
    viewer.page.get_by_role("button", name="View in headset").click()
    viewer.page.wait_for_function("window.seenByEyes")
    shown = decode(viewer.ask("window.seenByEyes"))
    left, right = shown[:, :64], shown[:, 64:]
    for view, channel in ((left, 0), (right, 2)):
        others = np.delete(view, channel, axis=2)
        assert not others.any()
        assert (view[4:28, 4:60, channel] == 250).all()
        assert (view[36:60, 4:60, channel] == 100).all()


def test_a_session_that_fails_is_ended_and_says_why(open_page: Opener) -> None:
    viewer = open_page(before=BROKEN)
    viewer.page.get_by_role("button", name="View in headset").click()
    viewer.page.wait_for_function("window.ended")
    assert viewer.text("trouble") == "no place to stand"
