"""Pieces of HTML for the page; everything that came from a visitor is escaped."""

from html import escape

from stereo.app.downloads import ALL
from stereo.app.jobs import Update
from stereo.app.results import Result
from stereo.formats import DEFAULT_FORMATS, FORMATS
from stereo.formats.names import NAMES, tag

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
SETTINGS_ABOUT = "all settings, and the command"
IDLE = (
    '<div class="sd-frame sd-idle"><p>The pair will appear here, with a page to view it in and '
    "files for 3D glasses, headsets and screens.</p></div>"
)
NO_INPUTS = '<div class="sd-inputs"><p>The picture and its depth will appear here.</p></div>'
HEADER = (
    '<header class="sd-header"><h1>StereoDiffusion</h1>'
    "<p>A prompt, a picture’s depth, or a photo becomes a stereo pair. "
    "Everything happens on this machine.</p></header>"
)


def progress(update: Update) -> str:
    """Show a running job: what is done, and how far."""
    value = "" if update.share is None else f' value="{update.share:.3f}"'
    words = escape(update.words)
    return (
        f'<div class="sd-progress"><p class="sd-words"><strong>{words}</strong>'
        f"<span>{escape(update.detail)}</span></p>"
        f'<progress max="1"{value} aria-label="{words}"></progress></div>'
    )


def so_far(update: Update) -> str:
    """Show the pair as it is so far."""
    views = _views(_preview(update.left, "left"), _preview(update.right, "right"))
    return f'<div class="sd-frame sd-sofar">{views}</div>'


def notice(words: str, *, bad: bool = False) -> str:
    """Show one message; a bad one is read out at once."""
    kind, role = ("sd-bad", "alert") if bad else ("sd-good", "status")
    return f'<p class="sd-notice {kind}" role="{role}">{escape(words)}</p>'


def done(note: str) -> str:
    """Say that all went well, with a note; on small windows the pair is further down."""
    see = '<a class="sd-see" href="#result">See the pair</a>'
    return f'<p class="sd-notice sd-good" role="status">Done. {escape(note)} {see}</p>'


def inputs_preview(picture: str | None, disparity: str, *, own: bool) -> str:
    """Show a picture beside its disparity, both as addresses."""
    source = "your map" if own else "as the depth network sees it"
    maps = _figure(disparity, "Disparity: near is bright", f"Disparity, {source}")
    first = _figure(picture, "The picture", "Picture") if picture else ""
    return f'<div class="sd-inputs">{_views(first, maps)}</div>'


def viewer(shown: Result) -> str:
    """Show a finished pair in its viewer, which has no access to this page."""
    return (
        '<iframe class="sd-frame" title="Viewer of the pair" '
        'sandbox="allow-scripts allow-downloads" allow="fullscreen; xr-spatial-tracking" '
        f'src="{shown.address}/viewer?inline"></iframe>'
    )


def about(shown: Result) -> str:
    """Say what a finished pair is, with all that can be had of it."""
    width, height = shown.size_px
    return (
        f'<section class="sd-result"><h2>{escape(shown.title)}</h2>'
        f'<p class="sd-note">{width} × {height} px for each eye. {escape(shown.comfort)}</p>'
        f"{downloads(shown)}</section>"
    )


def downloads(shown: Result) -> str:
    """List the formats of a result in groups; each is made when it is asked for."""
    groups = "".join(_download_group(title, names, shown) for title, names in GROUPS.items())
    names = "".join(f'<option value="{name}">{tag("sbs", name)}</option>' for name in NAMES)
    address = f"{shown.address}/{ALL}"
    return (
        f'<form class="sd-downloads" action="{address}" method="get"><h3>Downloads</h3>'
        '<div class="sd-zip"><button data-format="chosen">Chosen as ZIP</button>'
        f'<a href="{address}" download data-format="{ALL}">All as ZIP</a>'
        f'<label>Side by side is called <select name="names">{names}</select></label></div>'
        f"{groups}</form>"
    )


def _download_group(title: str, names: tuple[str, ...], shown: Result) -> str:
    links = "".join(_download(name, shown) for name in names)
    return f"<h3>{escape(title)}</h3><ul>{links}</ul>"


def _download(name: str, shown: Result) -> str:
    about = FORMATS[name].about if name in FORMATS else SETTINGS_ABOUT
    kind = FORMATS[name].ending.rpartition(".")[2] if name in FORMATS else "json"
    words = escape(about[0].upper() + about[1:])
    chosen = " checked" if name in DEFAULT_FORMATS else ""
    box = f'<input type="checkbox" name="format" value="{name}" aria-label="{words}"{chosen}>'
    return (
        f'<li>{box if name in FORMATS else ""}<a href="{shown.address}/{name}" download '
        f'data-format="{name}"><span>{words}</span><small>{kind}</small></a></li>'
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
