"""Settings as text inside a file: PNG text chunks, EXIF comments, the JSON sidecar."""

import json
from typing import Any

import numpy as np
from PIL import Image

PNG_KEY = "StereoDiffusion"
EXIF_IFD, USER_COMMENT, SOFTWARE = 0x8769, 0x9286, 0x0131
COMMENT_PREFIX = b"ASCII\x00\x00\x00"


def to_text(settings: dict[str, Any], *, indent: int | None = None) -> str:
    """Return settings as JSON, in one line without `indent`; other objects become strings.

    What is no Unicode, as file names may be, is written with escapes that JSON reads back.
    """
    text = json.dumps(settings, ensure_ascii=False, default=plain, indent=indent)
    return text.encode(errors="backslashreplace").decode()


def plain(value: Any) -> Any:
    """Return what JSON has instead of `value`: numbers for NumPy's, strings for the rest."""
    return value.item() if isinstance(value, np.generic) else str(value)


def to_ascii(settings: dict[str, Any]) -> str:
    """Return the same in ASCII alone, for places whose encoding readers disagree about."""
    return json.dumps(settings, default=plain)


def to_exif(settings: dict[str, Any]) -> Image.Exif:
    """Return settings as EXIF, in the comment."""
    exif = Image.Exif()
    exif[SOFTWARE] = "StereoDiffusion reproduction"
    exif.get_ifd(EXIF_IFD)[USER_COMMENT] = COMMENT_PREFIX + to_ascii(settings).encode()
    return exif


def settings_text(image: Image.Image) -> str | None:
    """Return the settings' text of an opened picture, None where it carries none."""
    text = getattr(image, "text", {}).get(PNG_KEY)
    if text is None and image.format == "GIF":
        text = image.info.get("comment")
    if text is None:
        text = image.getexif().get_ifd(EXIF_IFD).get(USER_COMMENT)
    if isinstance(text, bytes):
        text = text.removeprefix(COMMENT_PREFIX).decode("ascii", errors="replace")
    return text if text is not None and text.startswith("{") else None


def from_text(text: str) -> dict[str, Any]:
    """Parse what `to_text` wrote.

    Raises:
        ValueError: when the text is not a JSON object.
    """
    try:
        settings = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"settings: no JSON in the file ({type(error).__name__})") from error
    if not isinstance(settings, dict):
        raise ValueError(f"settings: got a {type(settings).__name__}, expected a JSON object")
    return settings
