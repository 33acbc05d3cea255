"""Photograph the viewer for the documentation; the pair is rendered, not generated.

Usage: python -m tests.stereo.formats.viewer.screenshot [FILE]
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
from torch import Tensor

from shapes.world.scenes import render_scenes
from stereo.formats.viewer.page import viewer_page
from stereo.pair import StereoPair
from tests.stereo.formats.viewer.chromium import Viewer, open_browser

SEED, SIZE_PX = 11, 512
POINTER = (0.12, 0.7)


def rendered_pair(seed: int = SEED, size_px: int = SIZE_PX) -> StereoPair:
    """Render a scene of the procedural world."""
    scene = render_scenes([seed], size_px=size_px)
    disparity = scene.disparity_left_px[0].numpy()
    low, high = float(disparity.min()), float(disparity.max())
    return StereoPair(
        _picture(scene.left),
        _picture(scene.right),
        ((disparity - low) / (high - low)).astype(np.float32),
        scene.visible_right[0].numpy(),
        {"prompt": scene.captions[0], "seed": seed, "disparity_range_px": [low, high]},
    )


def main() -> None:
    """Take the picture."""
    target = Path(sys.argv[1] if len(sys.argv) > 1 else "docs/viewer.png")
    with tempfile.TemporaryDirectory() as place, open_browser() as browser:
        page = Path(place) / "viewer.html"
        page.write_text(viewer_page(rendered_pair()), encoding="utf-8")
        viewer = Viewer(browser.new_page(viewport={"width": 1280, "height": 800}))
        viewer.watch()
        viewer.page.goto(page.as_uri())
        viewer.page.locator("#controls").wait_for(state="visible")
        viewer.page.mouse.move(*viewer.place(*POINTER))
        viewer.settle()
        viewer.page.screenshot(path=target)


def _picture(views: Tensor) -> np.ndarray:
    return (views[0].permute(1, 2, 0).numpy() * 255).round().astype(np.uint8)


if __name__ == "__main__":
    main()
