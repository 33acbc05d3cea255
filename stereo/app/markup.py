"""Pieces of HTML for the page; everything that came from a visitor is escaped."""

from html import escape
from pathlib import Path
from urllib.parse import quote

from stereo.app.jobs import Update
from stereo.app.results import Result
from stereo.formats import FORMATS

# What a visitor picks from, by format.
GROUPS = {
    "For any browser": ("viewer",),
    "Both eyes": ("sbs", "half_sbs", "cross", "half_cross", "tb", "half_tb", "rows"),
    "Each eye": ("left", "right"),
    "3D cameras and viewers": ("mpo", "jps", "spatial", "vr180"),
    "Without glasses": ("gif", "webp"),
    "Coloured glasses": tuple(name for name in FORMATS if name.startswith("anaglyph")),
    "Depth and holes": ("disparity", "disparity_npy", "disparity_colour", "mask", "rgbd"),
    "More": ("overview", "settings"),
}
SETTINGS = "all settings, and the command"
IDLE = (
    '<div class="sd-idle"><p>The pair will appear here, with a page to view it in and files for '
    "3D glasses, headsets and screens.</p></div>"
)
HEADER = (
    '<header class="sd-header"><h1>StereoDiffusion</h1>'
    "<p>A prompt, a picture’s depth, or a photo becomes a stereo pair. "
    "Everything happens on this machine.</p></header>"
)


def file_address(path: Path) -> str:
    """Return the address of a served file, relative to the page."""
    return f"gradio_api/file={quote(str(path))}"


def progress(update: Update) -> str:
    """Show a running job: what is done, how far, and the pair as it is so far."""
    value = "" if update.share is None else f' value="{update.share:.3f}"'
    words = escape(update.words)
    views = ""
    if update.left is not None:
        views = _views(_preview(update.left, "left"), _preview(update.right, "right"))
    return (
        f'<div class="sd-progress"><p class="sd-words"><strong>{words}</strong>'
        f"<span>{escape(update.detail)}</span></p>"
        f'<progress max="1"{value} aria-label="{words}"></progress>{views}</div>'
    )


def notice(words: str, *, bad: bool = False) -> str:
    """Show one message; a bad one is read out at once."""
    kind, role = ("sd-bad", "alert") if bad else ("sd-good", "status")
    return f'<p class="sd-notice {kind}" role="{role}">{escape(words)}</p>'


def inputs_preview(picture: str | None, disparity: str, *, own: bool, note: str = "") -> str:
    """Show a picture beside its disparity, both as addresses."""
    source = "your map" if own else "as the depth network sees it"
    maps = _figure(disparity, "Disparity: near is bright", f"Disparity, {source}")
    first = _figure(picture, "The picture", "Picture") if picture else ""
    small = f'<p class="sd-note">{escape(note)}</p>' if note else ""
    return f"{_views(first, maps)}{small}"


def result(shown: Result, viewer: str) -> str:
    """Show a finished pair in its viewer, an HTML document, and links to all of its files."""
    width, height = shown.size_px
    return (
        f'<section class="sd-result"><h2>{escape(shown.title)}</h2>'
        f'<p class="sd-note">{width} × {height} px for each eye. '
        f"{escape(shown.comfort)}</p>"
        f"{_viewer(viewer)}{downloads(shown)}</section>"
    )


def downloads(shown: Result) -> str:
    """List the files of a result in groups."""
    parts = "".join(_download_group(title, names, shown) for title, names in GROUPS.items())
    return f'<details class="sd-downloads" open><summary>Downloads</summary>{parts}</details>'


def _download_group(title: str, names: tuple[str, ...], shown: Result) -> str:
    links = "".join(_download(name, shown.files[name]) for name in names if name in shown.files)
    return f"<h3>{escape(title)}</h3><ul>{links}</ul>" if links else ""


def _download(name: str, path: Path) -> str:
    about = FORMATS[name].about if name in FORMATS else SETTINGS
    return (
        f'<li><a href="{escape(file_address(path))}" download="{escape(path.name)}" '
        f'data-format="{escape(name)}"><span>{escape(about[0].upper() + about[1:])}</span>'
        f"<small>{escape(path.suffix[1:])}</small></a></li>"
    )


def _viewer(document: str) -> str:
    """Embed a page that has no access to this one."""
    return (
        '<iframe class="sd-viewer" title="Viewer of the pair" loading="lazy" '
        'sandbox="allow-scripts allow-downloads" allow="fullscreen; xr-spatial-tracking" '
        f'srcdoc="{escape(document)}"></iframe>'
    )


def _preview(address: str | None, side: str) -> str:
    if address is None:
        return (
            f'<figure><div class="sd-empty"></div><figcaption>{side.title()}</figcaption></figure>'
        )
    return _figure(address, f"Preview of the {side} view", side.title())


def _figure(address: str, alt: str, caption: str) -> str:
    return (
        f'<figure><img src="{escape(address)}" alt="{escape(alt)}">'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def _views(first: str, second: str) -> str:
    return f'<div class="sd-views">{first}{second}</div>'
