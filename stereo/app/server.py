"""Serving the page: a private folder for the time it runs, nothing but its own files."""

import importlib.util
import ipaddress
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event
from typing import TYPE_CHECKING

from stereo.app.jobs import Desk
from stereo.app.results import Shelves
from stereo.app.settings import Settings
from stereo.app.store import ModelStore
from stereo.app.uploads import make_room
from stereo.cli.command import BAD_INPUT
from stereo.cli.options import PRECISIONS

if TYPE_CHECKING:
    import gradio as gr

STYLE = Path(__file__).with_name("page.css")
FONT = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif"]
MONO = ["ui-monospace", "SFMono-Regular", "Menlo", "monospace"]
NEEDED = "gradio is not installed: pip install -r requirements-app.txt"
ALL_ADDRESSES = ("0.0.0.0", "::")


def serve(settings: Settings) -> int:
    """Serve the page until Ctrl-C; returns the exit code."""
    if importlib.util.find_spec("gradio") is None:
        sys.stderr.write(f"app.py: error: {NEEDED}\n")
        return BAD_INPUT
    with serving(settings) as address:
        sys.stdout.write(f"{address} (Ctrl-C ends it){_warning(settings.host)}\n")
        sys.stdout.flush()
        ended = Event()
        signal.signal(signal.SIGTERM, lambda number, frame: ended.set())
        ended.wait()
    return 0


@contextmanager
def serving(settings: Settings) -> Iterator[str]:
    """Serve the page inside this context; yields its address.

    Uploads and results live in one temporary folder, which Gradio serves and which goes with it.

    Raises:
        OSError: when the port is taken.
    """
    with TemporaryDirectory(prefix="stereo-page-") as folder:
        root = Path(folder).resolve()
        _prepare_gradio(root)
        models = settings.models
        store = ModelStore(device=models.device, precision=PRECISIONS.get(models.precision))
        desk = Desk(store, Shelves(root / "results"), settings.limits)
        blocks = _launch(desk, settings, root)
        try:
            yield blocks.local_url
        finally:
            desk.close()
            blocks.close(verbose=False)


def _prepare_gradio(folder: Path) -> None:
    """Tell Gradio, before it is imported, where files go and to stay off the network."""
    os.environ["GRADIO_TEMP_DIR"] = str(folder)
    os.environ["GRADIO_EXAMPLES_CACHE"] = str(folder / "examples")
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ["HF_HUB_OFFLINE"] = "1"


def _launch(desk: Desk, settings: Settings, folder: Path) -> "gr.Blocks":
    import gradio as gr
    from starlette.middleware import Middleware

    from stereo.app.downloads import routes
    from stereo.app.guard import LOOPBACK, Guard
    from stereo.app.page import Page

    limits = settings.limits
    guard = Middleware(
        Guard,
        hosts={*LOOPBACK, settings.host, *settings.allowed_hosts},
        any_address=settings.host in ALL_ADDRESSES,
        max_upload_bytes=limits.upload_bytes,
        before_upload=lambda: make_room(folder, limits),
    )
    blocks = Page(desk).blocks
    blocks.queue(api_open=False, max_size=4 * limits.jobs)
    blocks.launch(
        server_name=settings.host,
        server_port=settings.port,
        max_file_size=f"{limits.max_file_mb}mb",
        allowed_paths=[],
        theme=gr.themes.Base(
            primary_hue="teal", neutral_hue="stone", radius_size="md", font=FONT, font_mono=MONO
        ),
        css=STYLE.read_text(encoding="utf-8"),
        app_kwargs={"middleware": [guard], "routes": routes(desk.shelves.root)},
        share=False,
        quiet=True,
        prevent_thread_lock=True,
        show_error=False,
        footer_links=[],
        run_history=False,
        enable_monitoring=False,
        ssr_mode=False,
        pwa=False,
        mcp_server=False,
    )
    return blocks


def _warning(host: str) -> str:
    """Say so when others than this machine can reach the page."""
    try:
        local = ipaddress.ip_address(host).is_loopback
    except ValueError:
        local = host == "localhost"
    return "" if local else "; anyone who reaches this address can use it"
