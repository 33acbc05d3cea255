"""Files of a result, made when they are asked for, and several of them in one ZIP."""

import re
import zipfile
from collections.abc import Iterable
from io import BytesIO
from pathlib import Path
from threading import Semaphore
from typing import TYPE_CHECKING
from urllib.parse import quote

from stereo.app.results import THUMBNAIL
from stereo.formats import FORMATS, load
from stereo.formats.names import DEFAULT_NAMES, NAMES
from stereo.formats.registry import ending

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

SETTINGS, ALL = "settings", "zip"
PATH = "/result/{shelf}/{token}/{name}"
HEX = re.compile(r"[0-9a-f]{32}")
# A pair of 12 megapixels takes hundreds of megabytes while a format is made of it.
AT_ONCE = Semaphore(2)
NOT_FOUND = 404
SANDBOX = {"content-security-policy": "sandbox allow-scripts allow-downloads"}


def make_file(folder: Path, name: str, names: str = DEFAULT_NAMES) -> tuple[str, bytes]:
    """Return a result's file name and content in a format; "settings" is the JSON sidecar.

    Raises:
        KeyError: for an unknown format.
        FileNotFoundError: when the result is gone.
    """
    sidecar = _sidecar(folder)
    if name == SETTINGS:
        return sidecar.name, sidecar.read_bytes()
    own = sidecar.with_name(sidecar.stem + FORMATS[name].ending)
    file_name = sidecar.stem + ending(name, names)
    if own.is_file():
        return file_name, own.read_bytes()
    pair = load(sidecar.with_name(sidecar.stem + FORMATS["left"].ending))
    pair.settings["format"] = name
    return file_name, FORMATS[name].encode(pair)


def make_zip(folder: Path, chosen: Iterable[str], names: str = DEFAULT_NAMES) -> tuple[str, bytes]:
    """Return the name and content of a ZIP with a result's files in several formats.

    Raises:
        KeyError: for an unknown format.
        FileNotFoundError: when the result is gone.
    """
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:  # pictures are packed already
        for name in dict.fromkeys([*chosen, SETTINGS]):
            archive.writestr(*make_file(folder, name, names))
    return f"{_sidecar(folder).stem}.zip", buffer.getvalue()


def routes(root: Path) -> "list[Route]":
    """Return what the server answers for the results under a folder."""
    from starlette.responses import Response
    from starlette.routing import Route

    def answer(request: "Request") -> "Response":
        shelf, token, name = (request.path_params[key] for key in ("shelf", "token", "name"))
        if not (HEX.fullmatch(shelf) and HEX.fullmatch(token)):
            return Response(status_code=NOT_FOUND)
        folder, query = root / shelf / token, request.query_params
        names = query.get("names", DEFAULT_NAMES)
        if names not in NAMES:
            return Response(status_code=NOT_FOUND)
        try:
            with AT_ONCE:
                if name == THUMBNAIL:
                    return Response((folder / name).read_bytes(), media_type="image/jpeg")
                if name == ALL:
                    chosen = query.getlist("format") or list(FORMATS)
                    file_name, content = make_zip(folder, chosen, names)
                else:
                    file_name, content = make_file(folder, name, names)
        except (KeyError, OSError):
            return Response(status_code=NOT_FOUND)
        if name == "viewer" and "inline" in query:
            return Response(content, media_type="text/html", headers=SANDBOX)
        # RFC 6266: the name may hold any letters.
        disposition = f"attachment; filename*=UTF-8''{quote(file_name)}"
        kind = "application/octet-stream"
        return Response(content, media_type=kind, headers={"content-disposition": disposition})

    return [Route(PATH, answer)]


def _sidecar(folder: Path) -> Path:
    """Return the settings of a folder's one result."""
    sidecar = next(folder.glob("*.json"), None)
    if sidecar is None:
        raise FileNotFoundError(f"no result in {folder.name}")
    return sidecar
