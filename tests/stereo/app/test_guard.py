"""The guard before the page, asked as a server asks it."""

import asyncio
import json

import pytest

from stereo.app.guard import LOOPBACK, MAX_JSON_BYTES, Guard

Answer = tuple[int, dict[bytes, bytes], bytes]


def ask(
    path: str,
    body: bytes = b"",
    *,
    kind: str = "application/json",
    host: str = "127.0.0.1:7860",
    origin: str | None = None,
    **options: object,
) -> Answer:
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
    headers = [(b"content-type", kind.encode()), (b"host", host.encode())]
    headers += [(b"content-length", str(len(body)).encode())] if body else []
    headers += [(b"origin", origin.encode())] if origin else []
    scope = {"type": "http", "path": path, "method": method, "headers": headers}
    asyncio.run(Guard(app, **options)(scope, receive, send))
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
    assert ask("/gradio_api/file=/page/results/a.png")[0] == 200
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


@pytest.mark.parametrize("body", [b'{"data": ["http://a.b", {"path": "/results/a"}]}', b"{broken"])
def test_other_bodies_arrive_whole(body: bytes) -> None:
    status, _, told = ask("/gradio_api/queue/join", body)
    assert (status, told) == (200, body)


def test_uploads_of_any_size_pass_and_long_values_do_not() -> None:
    body = b"x" * (MAX_JSON_BYTES + 1)
    assert ask("/gradio_api/upload", body, kind="multipart/form-data; boundary=x")[2] == body
    for kind in ("application/json", "application/JSON", "text/plain", ""):
        assert ask("/gradio_api/queue/join", body, kind=kind)[0] == 413


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("LOCALHOST:7860", 200),
        ("[::1]:7860", 200),
        ("stereo.example", 200),
        ("evil.example:7860", 403),
        ("127.0.0.1.evil.example", 403),
        ("192.168.1.5:7860", 403),
        ("", 403),
    ],
)
def test_other_names_of_this_host_are_refused(host: str, status: int) -> None:
    names = (*LOOPBACK, "stereo.example")
    assert ask("/config", host=host, hosts=names)[0] == status
    assert ask("/gradio_api/upload", b"x", host=host, hosts=names)[0] == status


def test_a_page_on_all_addresses_is_visited_by_number_not_by_any_name() -> None:
    for host, status in (("192.168.1.5:7860", 200), ("[fe80::1]:7860", 200), ("evil.example", 403)):
        assert ask("/config", host=host, any_address=True)[0] == status


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("http://127.0.0.1:7860", 200),
        ("https://stereo.example", 200),
        ("https://stereo.example:8443", 200),
        ("http://127.0.0.1:3000", 403),
        ("https://evil.example", 403),
        ("null", 403),
    ],
)
@pytest.mark.parametrize("kind", ["application/json", "multipart/form-data; boundary=x"])
def test_other_sites_pages_are_refused(origin: str, status: int, kind: str) -> None:
    names = (*LOOPBACK, "stereo.example")
    assert ask("/gradio_api/upload", b"x", kind=kind, origin=origin, hosts=names)[0] == status


def test_two_hosts_in_one_request_are_refused() -> None:
    sent: list[dict] = []

    async def send(message: dict) -> None:
        sent.append(message)

    headers = [(b"host", b"127.0.0.1:7860"), (b"host", b"evil.example")]
    scope = {"type": "http", "path": "/", "method": "GET", "headers": headers}
    asyncio.run(Guard(None)(scope, None, send))
    assert sent[0]["status"] == 403


def test_uploads_are_bounded_and_make_room_first() -> None:
    rooms: list[None] = []
    options = {"max_upload_bytes": 100, "before_upload": lambda: rooms.append(None)}
    kind = "multipart/form-data; boundary=x"
    assert ask("/gradio_api/upload", b"x" * 101, kind=kind, **options)[0] == 413
    assert rooms == []
    assert ask("/gradio_api/upload", b"x" * 100, kind=kind, **options)[0] == 200
    assert rooms == [None]
