"""Photograph a viewer's page for the documentation.

Usage: python -m tests.stereo.formats.viewer.screenshot PAGE [FILE]

where PAGE is what `img2stereo.py --viewer` wrote, say, and FILE the picture, docs/viewer.png.
"""

import sys
from pathlib import Path

from tests.stereo.formats.viewer.chromium import Viewer, open_browser

POINTER = (0.16, 0.6)


def main() -> None:
    """Take the picture, side by side, with the pointer on something near."""
    page = Path(sys.argv[1]).resolve()
    target = Path(sys.argv[2] if len(sys.argv) > 2 else "docs/viewer.png")
    with open_browser() as browser:
        viewer = Viewer(browser.new_page(viewport={"width": 1280, "height": 800}))
        viewer.watch()
        viewer.page.goto(page.as_uri())
        viewer.page.locator("#controls").wait_for(state="visible")
        viewer.choose("Side by side")
        viewer.settle()
        viewer.page.mouse.move(*viewer.place(*POINTER))
        viewer.settle()
        viewer.page.screenshot(path=target)


if __name__ == "__main__":
    main()
