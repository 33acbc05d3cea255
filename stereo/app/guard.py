"""What stands before the page: visitors of this host alone, nothing fetched, no disk filled."""

import ipaddress
import json
import re
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Gradio can fetch other hosts' files (`file=https://...`, `file/https://...`, `proxy=...`); this
# page has none.
FETCHING = re.compile(r"/(?:file|proxy|stream)[=/]\s*[a-z][a-z0-9+.-]+:|/proxy[=/]", re.IGNORECASE)
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; media-src 'self' data: blob:; "
    "font-src 'self' data:; worker-src 'self' blob:; object-src 'none'; base-uri 'self'; "
    "form-action 'self'; frame-ancestors 'self'"
)
HEADERS = (
    (b"content-security-policy", POLICY.encode()),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
)
FORBIDDEN, TOO_LARGE = 403, 413
LOOPBACK = ("localhost", "127.0.0.1", "::1")
# The page's fields are short; files come as uploads, which are no JSON.
MAX_JSON_BYTES = 1_000_000


class Guard:
    """ASGI middleware: refuses what other pages' scripts and visitors' values could make us do.

    A page of another site reaches this one under a name of its own (DNS rebinding), or sends it
    forms from there; `Host` and `Origin` give both away.
    """

    def __init__(
        self,
        app: "ASGIApp",
        *,
        hosts: Collection[str] = LOOPBACK,
        any_address: bool = False,
        max_upload_bytes: int = 2**30,
        before_upload: Callable[[], None] = lambda: None,
    ) -> None:
        """Guard an app.

        Args:
            app: the page.
            hosts: names under which it may be visited.
            any_address: numeric addresses are fine, too, as it listens on all of them.
            max_upload_bytes: largest body of an upload.
            before_upload: makes room for one.
        """
        self._app, self._hosts, self._any_address = app, frozenset(hosts), any_address
        self._max_upload_bytes, self._before_upload = max_upload_bytes, before_upload

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Pass a request on with the headers on its answer, or refuse it."""

        async def send_with_headers(message: "Message") -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", []), *HEADERS]}
            await send(message)

        if scope["type"] == "websocket":  # the page uses none
            await send({"type": "websocket.close", "code": 1008})
        elif scope["type"] != "http":
            await self._app(scope, receive, send)
        elif not self._is_from_here(scope) or FETCHING.search(scope["path"]):
            await _refuse(send_with_headers, FORBIDDEN)
        elif scope["method"] != "POST":
            await self._app(scope, receive, send_with_headers)
        elif _is_upload(scope):
            await self._pass_upload(scope, receive, send_with_headers)
        else:
            await self._pass_values(scope, receive, send_with_headers)

    def _is_from_here(self, scope: "Scope") -> bool:
        """Tell whether a request goes to a name of this host, and comes from one of its pages."""
        host, origin = _header(scope, b"host"), _header(scope, b"origin")
        sender, name = origin.partition("://")[2], _without_port(host)
        if origin and sender != host and _without_port(sender) not in self._hosts - {*LOOPBACK}:
            return False
        return name in self._hosts or (self._any_address and _is_address(name))

    async def _pass_upload(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        length = _header(scope, b"content-length")
        if not length.isdecimal() or int(length) > self._max_upload_bytes:
            await _refuse(send, TOO_LARGE)
            return
        self._before_upload()
        await self._app(scope, receive, send)

    async def _pass_values(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        body = await _read(receive)
        if body is None:
            await _refuse(send, TOO_LARGE)
        elif _names_addresses(body):
            await _refuse(send, FORBIDDEN)
        else:
            await self._app(scope, _replay(body, receive), send)


def _header(scope: "Scope", name: bytes) -> str:
    """Return a header's value; of several the first, which must not differ from the others."""
    values = {value for key, value in scope["headers"] if key.lower() == name}
    return values.pop().decode("latin-1") if len(values) == 1 else ""


def _without_port(host: str) -> str:
    return re.sub(r":\d*$", "", host).strip("[]").lower()


def _is_address(name: str) -> bool:
    try:
        return bool(ipaddress.ip_address(name))
    except ValueError:
        return False


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
