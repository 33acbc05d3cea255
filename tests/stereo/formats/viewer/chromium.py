"""A page of the viewer in headless Chromium: its picture as an array, its controls, its faults."""

import base64
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
TIMEOUT_MS = 120_000
AFTER_DRAWING = (
    "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
)
SET_VALUE = """([name, value]) => {
    const control = document.getElementById(name);
    control.value = value;
    control.dispatchEvent(new Event("input", {bubbles: true}));
}"""


class NoBrowserError(Exception):
    """Says what is missing to drive a browser."""


@contextmanager
def open_browser() -> Iterator["Browser"]:
    """Start the system's Chromium without a window.

    Raises:
        NoBrowserError: without playwright or Chromium.
    """
    try:
        from playwright.sync_api import sync_playwright
    except ImportError as error:
        raise NoBrowserError("needs playwright: pip install playwright") from error
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        raise NoBrowserError("needs Chromium or Chrome on the PATH: apt-get install chromium")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, timeout=TIMEOUT_MS)
        yield browser
        browser.close()


def decode(address: str) -> np.ndarray:
    """Return the picture of a data address as (H, W, 3) uint8."""
    with Image.open(BytesIO(base64.b64decode(address.partition(",")[2]))) as image:
        return np.array(image.convert("RGB"))


@dataclass
class Viewer:
    """An opened page; `faults` gathers console errors and requests to anything but the page."""

    page: "Page"
    faults: list[str] = field(default_factory=list)

    def watch(self) -> None:
        """Begin to gather faults."""
        self.page.set_default_timeout(TIMEOUT_MS)
        self.page.on("console", lambda m: m.type == "error" and self.faults.append(m.text))
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("request", lambda request: self._check_request(request.url))

    def _check_request(self, url: str) -> None:
        if not url.startswith(("data:", "file:")):
            self.faults.append(f"request of {url}")

    def choose(self, label: str) -> None:
        """Click a mode by its label."""
        self.page.get_by_role("radio", name=label).check()

    def set(self, name: str, value: float | str) -> None:
        """Move a slider, or choose from a list."""
        self.page.evaluate(SET_VALUE, [name, str(value)])

    def settle(self) -> None:
        """Wait until what was asked for is drawn."""
        self.page.evaluate(AFTER_DRAWING)

    def picture(self) -> np.ndarray:
        """Return what is shown as (H, W, 3) uint8, at the picture's own size."""
        self.settle()
        return decode(self.page.evaluate("document.getElementById('picture').toDataURL()"))

    def ask(self, script: str) -> Any:
        """Return a JavaScript expression's value."""
        return self.page.evaluate(script)

    def text(self, name: str) -> str:
        """Return an element's text, after drawing."""
        self.settle()
        return self.page.locator(f"#{name}").inner_text()

    def place(self, column: float, row: float) -> tuple[float, float]:
        """Return the window's coordinates of a place in the picture, both as shares."""
        box = self.page.locator("#picture").bounding_box()
        assert box is not None
        return box["x"] + column * box["width"], box["y"] + row * box["height"]
