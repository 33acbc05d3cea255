"""What stands before the page: headers that keep it to this host, no fetching for visitors."""

import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Gradio can fetch other hosts' files (`file=https://...`, `file/https://...`, `proxy=...`); this
# page has none.
FETCHING = re.compile(r"/(?:file|proxy|stream)[=/]\s*[a-z][a-z0-9+.-]+:|/proxy[=/]", re.IGNORECASE)
POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "media-src 'self' data: blob:",
        "font-src 'self' data:",
        "worker-src 'self' blob:",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'self'",
    )
)
HEADERS = (
    (b"content-security-policy", POLICY.encode()),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
)
FORBIDDEN, TOO_LARGE = 403, 413
# The page's fields are short; files come as uploads, which are no JSON.
MAX_JSON_BYTES = 1_000_000


class Guard:
    """ASGI middleware; a browser obeys the policy, and the server fetches nothing."""

    def __init__(self, app: "ASGIApp") -> None:
        self._app = app

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Pass a request on with the headers on its answer, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: "Message") -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", []), *HEADERS]}
            await send(message)

        if FETCHING.search(scope["path"]):
            await _refuse(send_with_headers, FORBIDDEN)
            return
        if scope["method"] != "POST" or _is_upload(scope):
            await self._app(scope, receive, send_with_headers)
            return
        body = await _read(receive)
        if body is None:
            await _refuse(send_with_headers, TOO_LARGE)
        elif _names_addresses(body):
            await _refuse(send_with_headers, FORBIDDEN)
        else:
            await self._app(scope, _replay(body, receive), send_with_headers)


def _is_upload(scope: "Scope") -> bool:
    """Tell whether a body is a form of files; all else, declared or not, may be read as JSON."""
    kinds = [value.lower() for key, value in scope["headers"] if key == b"content-type"]
    return bool(kinds) and all(kind.startswith(b"multipart/form-data") for kind in kinds)


async def _read(receive: "Receive") -> bytes | None:
    """Return a request's body, None where it is too large."""
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if len(body) > MAX_JSON_BYTES:
            return None
        if not message.get("more_body"):
            return body


def _replay(body: bytes, receive: "Receive") -> "Receive":
    """Give the body that was read once more; what comes behind it is the original's."""
    messages = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> "Message":
        return messages.pop() if messages else await receive()

    return again


def _names_addresses(body: bytes) -> bool:
    """Tell whether a file among the values is another host's."""
    try:
        return _has_address(json.loads(body))
    except RecursionError:
        return True  # Nothing that the page sends is nested so deep that it cannot be looked at.
    except ValueError:
        return False  # Not understood by the page either, which says so itself.


def _has_address(value: Any) -> bool:
    if isinstance(value, dict):
        path = value.get("path")
        return (isinstance(path, str) and ":" in path[:12]) or any(
            map(_has_address, value.values())
        )
    return isinstance(value, list) and any(map(_has_address, value))


async def _refuse(send: "Send", status: int) -> None:
    await send({"type": "http.response.start", "status": status, "headers": []})
    await send({"type": "http.response.body", "body": b"not on this page\n"})
