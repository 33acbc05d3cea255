"""Small pairs whose disparity has 16 bits, and their pages in a browser."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from stereo.formats.viewer.page import viewer_page
from stereo.pair import StereoPair
from tests.stereo.formats.viewer.chromium import NoBrowserError, Viewer, open_browser

if TYPE_CHECKING:
    from playwright.sync_api import Browser

HEIGHT, WIDTH = 32, 48
NEAR_PX = 6
Opener = Callable[..., Viewer]


def make_pair(**settings: object) -> StereoPair:
    """Noise with a near square, 6 of 48 px further left in the right eye, and a slope below."""
    rng = np.random.default_rng(3)
    left = rng.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    right = rng.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    disparity = np.zeros((HEIGHT, WIDTH))
    disparity[4:16, 20:32] = 1
    disparity[20:] = np.linspace(0, 0.7, WIDTH)
    right[4:16, 20 - NEAR_PX : 32 - NEAR_PX] = left[4:16, 20:32]
    valid = np.ones((HEIGHT, WIDTH), bool)
    valid[4:16, 32 - NEAR_PX : 32] = False
    scale = {"scale_percent": 100 * NEAR_PX / WIDTH}
    # As exact as the page stores it, so that both sides shift by the same numbers.
    stored = np.rint(disparity * 65535) / 65535
    return StereoPair(left, right, stored, valid, {"task": "text", **scale, **settings})


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    try:
        with open_browser() as browser:
            yield browser
    except NoBrowserError as error:
        pytest.skip(str(error))


@pytest.fixture
def open_page(browser: "Browser", tmp_path: Path) -> Iterator[Opener]:
    """Return an opener of pages from disk, in a mode; fails the test when a page had faults."""
    opened: list[Viewer] = []

    def open_page(
        pair: StereoPair | None = None,
        *,
        size: tuple[int, int] = (1280, 800),
        calm: bool = True,
        touch: bool = False,
        before: str = "",
        mode: str | None = "Side by side",
    ) -> Viewer:
        path = tmp_path / f"{len(opened)}_viewer.html"
        path.write_text(viewer_page(pair or make_pair()), encoding="utf-8")
        context = browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            reduced_motion="reduce" if calm else "no-preference",
            has_touch=touch,
        )
        viewer = Viewer(context.new_page())
        viewer.watch()
        if before:
            viewer.page.add_init_script(before)
        viewer.page.goto(path.as_uri())
        viewer.page.locator("#controls").wait_for(state="visible")
        opened.append(viewer)
        if mode:
            viewer.choose(mode)
        return viewer

    yield open_page
    for viewer in opened:
        viewer.page.context.close()
    assert [fault for viewer in opened for fault in viewer.faults] == []
