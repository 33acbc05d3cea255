"""The page as its own process, and a visitor in headless Chromium."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

ROOT = Path(__file__).resolve().parents[3]
PATIENCE_MS = 120_000
START_S = 240


@dataclass(frozen=True)
class Served:
    """A served page: its address, and the folder that its temporary folder is made in."""

    address: str
    temporary: Path

    def results(self) -> list[Path]:
        """Return all files of results, those half-written too."""
        folders = self.temporary.glob("stereo-page-*/results")
        return [path for folder in folders for path in folder.rglob("*") if path.is_file()]


@contextlib.contextmanager
def serve(temporary: Path, *arguments: str, log: Path | None = None) -> Iterator[Served]:
    """Run `python app.py` inside this context; it has to end well when it is told to.

    Its messages go to `log`, if one is given.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, str(ROOT / "app.py"), "--port", str(port), "--device", "cpu"]
    with contextlib.ExitStack() as files:
        process = subprocess.Popen(
            [*command, *arguments],
            env={**os.environ, "TMPDIR": str(temporary)},
            stdout=subprocess.PIPE,
            stderr=log and files.enter_context(log.open("w")),
            text=True,
        )
    try:
        told = process.stdout.readline()
        assert told.startswith(f"http://127.0.0.1:{port}/"), told
        yield Served(told.split()[0], temporary)
    finally:
        process.send_signal(signal.SIGTERM)
        code = process.wait(START_S)
    assert code == 0
    assert list(temporary.glob("stereo-page-*")) == []


@dataclass
class Visitor:
    """A visitor's page; `faults` gathers errors and requests of other hosts."""

    page: "Page"
    served: Served
    faults: list[str] = field(default_factory=list)

    def arrive(self) -> None:
        """Open the page."""
        self.page.set_default_timeout(PATIENCE_MS)
        self.page.on("console", lambda m: m.type == "error" and self.faults.append(m.text))
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("request", lambda request: self._check(request.url))
        self.page.goto(self.served.address)
        self.page.locator("#text-run").wait_for()

    def _check(self, url: str) -> None:
        if not url.startswith((self.served.address, "data:", "blob:", "about:")):
            self.faults.append(f"request of {url}")

    def tab(self, task: str) -> None:
        """Open a tab."""
        name = {"text": "Prompt", "depth": "Depth", "image": "Photo"}[task]
        self.page.get_by_role("tab", name=name).click()
        self.page.locator(f"#{task}-run").wait_for()

    def upload(self, field_id: str, path: Path) -> None:
        """Give a file to a field."""
        self.page.locator(f"#{field_id} input[type=file]").set_input_files(path)

    def set_steps(self, task: str, steps: int) -> None:
        """Open the accordion of sampling, if it is not, and choose a number of steps."""
        number = self.page.locator(f"#{task}-steps input[type=number]")
        if not number.is_visible():
            self.page.locator(f"#{task}-sampling button").first.click()
        number.fill(str(steps))
        number.press("Tab")

    def run(self, task: str) -> None:
        """Press the button."""
        self.page.locator(f"#{task}-run").click()

    def wait_for_notice(self, words: str) -> None:
        """Wait for a message."""
        self.page.locator(".sd-notice", has_text=words).first.wait_for()

    def download(self, name: str, folder: Path) -> Path:
        """Download a format of the result that is shown."""
        with self.page.expect_download() as event:
            self.page.locator(f"#about [data-format={name}]").click()
        path = folder / event.value.suggested_filename
        event.value.save_as(path)
        return path


@contextlib.contextmanager
def visit(browser: "Browser", served: Served, *, width: int = 1280) -> Iterator[Visitor]:
    """Open the page in a browser of one's own; fails when it had faults."""
    context = browser.new_context(
        viewport={"width": width, "height": 900}, reduced_motion="reduce", accept_downloads=True
    )
    visitor = Visitor(context.new_page(), served)
    visitor.arrive()
    yield visitor
    context.close()
    assert visitor.faults == []
