"""The guard before the page, asked as a server asks it."""

import asyncio
import json

import pytest

from stereo.app.guard import MAX_JSON_BYTES, Guard

Answer = tuple[int, dict[bytes, bytes], bytes]


def ask(path: str, body: bytes = b"", *, kind: str = "application/json") -> Answer:
    """Send a request through the guard to an app that gives the body back."""
    sent: list[dict] = []
    half = len(body) // 2
    parts = [
        {"type": "http.request", "body": body[:half], "more_body": True},
        {"type": "http.request", "body": body[half:], "more_body": False},
    ]

    async def app(scope: dict, receive: object, send: object) -> None:
        told, more = b"", True
        while more:
            message = await receive()
            told, more = told + message["body"], message["more_body"]
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": told})

    async def receive() -> dict:
        return parts.pop(0)

    async def send(message: dict) -> None:
        sent.append(message)

    method = "POST" if body else "GET"
    headers = [(b"content-type", kind.encode())]
    scope = {"type": "http", "path": path, "method": method, "headers": headers}
    asyncio.run(Guard(app)(scope, receive, send))
    return sent[0]["status"], dict(sent[0]["headers"]), sent[1]["body"]


def test_answers_tell_the_browser_to_stay_on_this_host() -> None:
    status, headers, _ = ask("/")
    policy = headers[b"content-security-policy"].decode()
    assert status == 200
    assert "default-src 'self'" in policy
    assert "http:" not in policy and "https:" not in policy and "*" not in policy


@pytest.mark.parametrize(
    "path",
    [
        "/gradio_api/file=http://example.com/a.png",
        "/gradio_api/file=HTTPS://example.com/a.png",
        "/gradio_api/proxy=https://example.com/",
        "/file= ftp://example.com/a.png",
        "/gradio_api/file/https://example.com/a.png",
        "/gradio_api/proxy/https://example.com/",
    ],
)
def test_other_hosts_files_are_not_fetched(path: str) -> None:
    assert ask(path)[0] == 403


def test_own_files_pass() -> None:
    assert ask("/gradio_api/file=/tmp/page/results/a.png")[0] == 200
    assert ask("/gradio_api/file=C:/page/results/a.png")[0] == 200


@pytest.mark.parametrize(
    "kind",
    ["application/json", "Application/JSON; charset=utf-8", "text/plain", "", "x/multipart"],
)
@pytest.mark.parametrize("depth", [0, 100, 5000])
def test_values_that_name_other_hosts_files_are_refused(kind: str, depth: int) -> None:
    body = json.dumps({"data": [1, {"path": "\u0068ttps://example.com/a.png", "meta": {}}]})
    nested = b"[" * depth + body.encode() + b"]" * depth
    assert ask("/gradio_api/queue/join", nested, kind=kind)[0] == 403


@pytest.mark.parametrize("body", [b'{"data": ["http://a.b", {"path": "/tmp/a"}]}', b"{broken"])
def test_other_bodies_arrive_whole(body: bytes) -> None:
    status, _, told = ask("/gradio_api/queue/join", body)
    assert (status, told) == (200, body)


def test_uploads_of_any_size_pass_and_long_values_do_not() -> None:
    body = b"x" * (MAX_JSON_BYTES + 1)
    assert ask("/gradio_api/upload", body, kind="multipart/form-data; boundary=x")[2] == body
    for kind in ("application/json", "application/JSON", "text/plain", ""):
        assert ask("/gradio_api/queue/join", body, kind=kind)[0] == 413
