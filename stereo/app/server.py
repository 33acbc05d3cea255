"""Serving the page: a private folder for the time it runs, nothing but its own files."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from stereo.app.jobs import Desk
from stereo.app.limits import Limits
from stereo.app.results import Shelves
from stereo.app.store import ModelStore

if TYPE_CHECKING:
    import gradio as gr

STYLE = Path(__file__).with_name("page.css")
FONT = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif")
MONO = ("ui-monospace", "SFMono-Regular", "Menlo", "monospace")


@dataclass(frozen=True)
class Settings:
    """How the page is served.

    Attributes:
        host: address that is listened on.
        port: None takes the first free one from 7860.
        device: of the models; None takes CUDA where there is one.
        precision: of the denoiser; None takes fp16 on CUDA, fp32 elsewhere.
        limits: for visitors.
    """

    host: str = "127.0.0.1"
    port: int | None = None
    device: str | None = None
    precision: str | None = None
    limits: Limits = Limits()


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
        store = ModelStore(device=settings.device, precision=settings.precision)
        desk = Desk(store, Shelves(root / "results"), settings.limits)
        blocks = _launch(desk, settings)
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


def _launch(desk: Desk, settings: Settings) -> "gr.Blocks":
    from starlette.middleware import Middleware

    from stereo.app.guard import Guard
    from stereo.app.page import Page

    blocks = Page(desk).blocks
    blocks.queue(api_open=False, max_size=4 * settings.limits.jobs)
    blocks.launch(
        server_name=settings.host,
        server_port=settings.port,
        max_file_size=f"{settings.limits.file_megabytes}mb",
        allowed_paths=[],
        theme=_theme(),
        css=STYLE.read_text(encoding="utf-8"),
        app_kwargs={"middleware": [Middleware(Guard)]},
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


def _theme() -> "gr.themes.Base":
    import gradio as gr

    theme = gr.themes.Base(
        primary_hue="teal",
        secondary_hue="teal",
        neutral_hue="stone",
        radius_size="md",
        font=list(FONT),
        font_mono=list(MONO),
    )
    return theme.set(
        body_background_fill="#faf9f7",
        body_text_color_subdued="*neutral_500",
        body_text_color_subdued_dark="*neutral_400",
        block_info_text_color="*neutral_500",
        block_info_text_color_dark="*neutral_400",
        block_title_text_color="*neutral_700",
        color_accent="*primary_700",
        slider_color="*primary_700",
        slider_color_dark="*primary_500",
        checkbox_background_color_selected="*primary_700",
        checkbox_border_color_selected="*primary_700",
        link_text_color="*primary_700",
        block_border_width="1px",
        block_shadow="none",
        button_primary_background_fill="*primary_700",
        button_primary_background_fill_hover="*primary_800",
        button_primary_text_color="white",
        button_primary_background_fill_dark="*primary_700",
        button_primary_background_fill_hover_dark="*primary_600",
    )
