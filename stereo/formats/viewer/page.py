"""Write a pair, and all that it takes to look at it, into one self-contained HTML page.

What the browser computes (viewer.js and the scripts beside it) uses the numbers of
`stereo.formats`: filters of the glasses, colours of the disparity, frames of the wiggle.
"""

import base64
import hashlib
import json
from html import escape
from importlib.resources import files
from io import BytesIO
from string import Template
from typing import Any

import numpy as np
from PIL import Image

from stereo.formats import anaglyph, maps, wiggle
from stereo.formats.metadata import plain
from stereo.formats.png import encode_png
from stereo.pair import StereoPair

SCRIPTS = ("pixels.js", "scene.js", "headset.js", "zoom.js", "pointing.js", "viewer.js")
# Up to here pictures are kept as they are, larger ones as JPEG of so many bytes at most.
EXACT_PIXELS = 1_000_000
JPEG_BYTES = 2_500_000
JPEG_QUALITIES = (92, 88, 82, 75, 65, 50, 30)
MAPS_PX = 1280
# One of the pair's pixels fills this many of the window that shows the whole at first.
LARGEST_ZOOM = 4
WINDOW_PX = 1000
# By the names of the formats that hold the same picture, the scripts' own first.
GLASSES = {
    "anaglyph": ("Red-cyan, colour", anaglyph.RED_CYAN),
    "anaglyph_dubois": ("Red-cyan, least squares", anaglyph.RED_CYAN_DUBOIS),
    "anaglyph_half": ("Red-cyan, half colour", anaglyph.RED_CYAN_HALF),
    "anaglyph_grey": ("Red-cyan, grey", anaglyph.RED_CYAN_GREY),
    "anaglyph_green_magenta": ("Green-magenta", anaglyph.GREEN_MAGENTA),
    "anaglyph_amber_blue": ("Amber-blue", anaglyph.AMBER_BLUE),
}
WORKFLOWS = {"text": "From a prompt", "depth": "From a depth map", "image": "From a picture"}


def viewer_page(pair: StereoPair) -> str:
    """Return the page as HTML; its content policy lets nothing in that it does not hold itself."""
    style = _resource("viewer.css")
    script = "\n".join(_resource(name) for name in SCRIPTS)
    return Template(_resource("viewer.html")).substitute(
        policy=_policy(style, script),
        title=escape(_title(pair.settings)),
        facts=escape(_facts(pair)),
        left=_data_uri(pair.left),
        right=_data_uri(pair.right),
        maps=_png(_maps(wiggle.at_most(pair, MAPS_PX) if _is_large(pair.left) else pair)),
        most_zoom=100 * max(LARGEST_ZOOM, round(LARGEST_ZOOM * max(pair.left.shape) / WINDOW_PX)),
        kinds="".join(f'<option value="{k}">{escape(v)}</option>' for k, (v, _) in GLASSES.items()),
        speed=f"{_loops_per_second():.1f}",
        settings=_rows(pair.settings),
        data=_json(_data(pair)),
        settings_json=_json(pair.settings),
        style=style,
        script=script,
    )


def _resource(name: str) -> str:
    return files("stereo.formats.viewer").joinpath(name).read_text(encoding="utf-8")


def _policy(style: str, script: str) -> str:
    """Return a content security policy: this style, this script, pictures inside the page."""
    rules = {
        "default-src": "'none'",
        "style-src": _hash(style),
        "script-src": _hash(script),
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    return "; ".join(f"{name} {sources}" for name, sources in rules.items())


def _hash(text: str) -> str:
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"'sha256-{digest}'"


def _title(settings: dict[str, Any]) -> str:
    picture = settings.get("img_path") or settings.get("init_img") or ""
    name = str(picture).replace("\\", "/").rsplit("/", 1)[-1]
    return str(settings.get("prompt") or name or "Stereo pair")


def _facts(pair: StereoPair) -> str:
    height, width = pair.left.shape[:2]
    facts = [WORKFLOWS.get(str(pair.settings.get("task")), ""), f"{width} × {height} pixels"]
    if "seed" in pair.settings:
        facts.append(f"seed {pair.settings['seed']}")
    return " · ".join(filter(None, facts))


def _maps(pair: StereoPair) -> np.ndarray:
    """Return disparity and holes (H, W, 3) uint8: high byte, low byte, 255 where invented."""
    disparity = maps.disparity_16bit(pair)
    layers = (disparity >> 8, disparity & 255, maps.hole_mask(pair))
    return np.stack(layers, axis=-1).astype(np.uint8)


def _is_large(picture: np.ndarray) -> bool:
    return picture.shape[0] * picture.shape[1] > EXACT_PIXELS


def _data_uri(picture: np.ndarray) -> str:
    if not _is_large(picture):
        return _png(picture)
    for quality in JPEG_QUALITIES:
        buffer = BytesIO()
        Image.fromarray(picture).save(buffer, "JPEG", quality=quality)
        if buffer.tell() <= JPEG_BYTES:
            break
    return _base64(buffer.getvalue(), "jpeg")


def _png(picture: np.ndarray) -> str:
    return _base64(encode_png(picture, {}), "png")


def _base64(content: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"


def _data(pair: StereoPair) -> dict[str, Any]:
    height, width = pair.left.shape[:2]
    places = np.linspace(0, 1, wiggle.IN_BETWEEN + 2).tolist()
    return {
        "width": width,
        "height": height,
        "range_px": wiggle.disparity_range_px(pair),
        "wiggle_places": [*places, *places[-2:0:-1]],
        "invented_eye": "left" if pair.settings.get("eye") == "left" else "right",
        "invented_percent": 100 * float(np.mean(~pair.valid)),
        "near_colours": maps.NEAR_COLOURS.tolist(),
        "filters": {
            name: {"left": filters.left, "right": filters.right}
            for name, (_, filters) in GLASSES.items()
        },
    }


def _loops_per_second() -> float:
    frames = 2 * (wiggle.IN_BETWEEN + 1)
    return 1000 / (frames * wiggle.FRAME_MS)


def _rows(settings: dict[str, Any]) -> str:
    rows = []
    for name, value in settings.items():
        text = value if isinstance(value, str) else json.dumps(value, default=plain)
        rows.append(f"<div><dt>{escape(str(name))}</dt><dd>{escape(text)}</dd></div>")
    return "".join(rows)


def _json(content: dict[str, Any]) -> str:
    """Return JSON that cannot end the script element it stands in."""
    return json.dumps(content, default=plain).replace("<", "\\u003c")
