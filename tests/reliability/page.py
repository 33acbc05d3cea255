"""What hostile pages and visitors send, tried on the page as it is served."""

import contextlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.reliability.visitor import Answer, Visitor
from tests.stereo.app.serving import Served, serve

MEGABYTE = 2**20
MOST_MB = 60
DEEP: Any = []
for _ in range(400):
    DEEP = [DEEP]
WRONG = {
    "null": None,
    "a list": [],
    "a list of one": ["x"],
    "an object": {},
    "a long text": "x" * 100_000,
    "a surrogate": "\ud800",
    "a NUL": "a\0b",
    "markup": "<script>alert(1)</script>",
    "minus one": -1,
    "a huge number": 10**30,
    "a fraction": 0.37,
    "1e308": 1e308,
    "NaN": float("nan"),
    "infinity": float("inf"),
    "true": True,
    "a path": "/etc/passwd",
    "a file": {"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}},
    "a folder": {"path": "/", "meta": {"_type": "gradio.FileData"}},
    "a file up there": {"path": "../../../etc/passwd", "meta": {"_type": "gradio.FileData"}},
    "a file without path": {"meta": {"_type": "gradio.FileData"}},
    "a file that is a number": {"path": 5, "meta": {"_type": "gradio.FileData"}},
    "a file of the web": {"path": "http://example.com/a.png", "meta": {"_type": "gradio.FileData"}},
    "something deep": DEEP,
}
NO_JOB = {"prompt": "", "seed": -5}  # either is refused, so that no job starts
ONE_STEP = {"steps": 2, "samples": 1, "inner-steps": 1}
FILES = (
    "/etc/passwd",
    "../../etc/passwd",
    "%2fetc%2fpasswd",
    "http://example.com/",
    "/proc/self/environ",
)
STARTS = ("/gradio_api/file=", "/gradio_api/file/", "/gradio_api/proxy=")
STARTS += ("/file=", "/static/", "/assets/")
BODIES = {"no JSON": b"{", "no object": b"[]", "deep": b"[" * 90_000, "NUL": b"\0"}
CALLS = {"no values": [], "many values": [None] * 50, "none": None, "text": "x"}
# What FastAPI itself answers to what is no event.
NO_EVENT = (200, 400, 404, 422, 500)
SECRET = "root:x:"


@dataclass(frozen=True)
class Try:
    """A request by its name, and what is expected: statuses, words in the answer."""

    name: str
    send: Callable[[Visitor], Answer]
    statuses: tuple[int, ...] = (200,)
    words: str = ""


@contextlib.contextmanager
def served(temporary: Path) -> Iterator[tuple[Served, Path]]:
    """Serve the page with a small room for uploads; yields it and the file of its messages."""
    log = temporary / "messages.txt"
    arguments = ("--max_uploads_mb", str(MOST_MB), "--max_file_mb", "20", "--max_megapixels", "2")
    with serve(temporary, *arguments, log=log) as page:
        yield page, log


def fault(each: Try, visitor: Visitor, log: Path) -> str | None:
    """Send a request; returns what is wrong with the answer."""
    before = log.stat().st_size
    answer = each.send(visitor)
    said = log.read_bytes()[before:].decode("utf-8", "replace")
    if "Traceback" in said:
        return f"a traceback: {said.splitlines()[-1]}"
    if answer.status not in each.statuses or each.words not in answer.body:
        return f"{answer.status}, {answer.body[:300]}"
    return "a file of this machine is told" if SECRET in answer.body else None


def guard_tries() -> Iterator[Try]:
    """Yield requests under foreign names, of foreign pages, for foreign files."""
    refused = (403, 404, 405, 413)
    hosts = ("evil.example:7860", "127.0.0.1.evil.example", "evil.example", "[::2]", "0", "", "a b")
    paths = ("/", "/config", "/gradio_api/info", "/gradio_api/queue/join")
    for host in hosts:
        for path in paths:
            yield Try(f"Host {host} {path}", _get(path, Host=host), (403, 400))
        yield Try(f"upload, Host {host}", _upload({"Host": host}), (403, 400))
    for origin in ("http://evil.example", "https://127.0.0.1:1", "null", "file://", "x"):
        yield Try(f"upload, Origin {origin}", _upload({"Origin": origin}), (403,))
        yield Try(f"event, Origin {origin}", _post({"Origin": origin}), (403,))
    for file in FILES:
        for start in STARTS:
            yield Try(f"{start}{file}", _get(start + file), refused)
    for method in ("PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "NONSENSE"):
        yield Try(method, _with_method(method), (*refused, 400, 501))
    yield Try("30 MB", _upload({}, size=30 * MEGABYTE), (413, 400))
    yield Try("no length", _upload({"Content-Length": "many"}), (413, 400))
    yield Try("a negative length", _upload({"Content-Length": "-1"}), (413, 400))
    yield Try("a large event", lambda v: v.call(0, ["x" * 3 * MEGABYTE]), (413,))
    for name, body in BODIES.items():
        yield Try(f"event: {name}", _post({}, body), (400, 403, 422, 500))


def _get(path: str, **headers: str) -> Callable[[Visitor], Answer]:
    return lambda visitor: visitor.ask(path, headers=headers)


def _with_method(method: str) -> Callable[[Visitor], Answer]:
    return lambda visitor: visitor.ask("/config", method=method)


def _upload(headers: dict[str, str], size: int = 10) -> Callable[[Visitor], Answer]:
    return lambda visitor: visitor.upload(("a.png", b"x" * size), headers=headers)


def _post(headers: dict[str, str], body: bytes = b"{}") -> Callable[[Visitor], Answer]:
    kinds = {"Content-Type": "application/json", **headers}
    return lambda visitor: visitor.ask("/gradio_api/queue/join", body, kinds)


def event_tries(visitor: Visitor) -> Iterator[Try]:
    """Yield every event with a wrong value in each of its fields, and other wrong calls."""
    for event in visitor.events():
        right = small(event, **NO_JOB)
        for place, field in enumerate(event["inputs"]):
            for name, value in WRONG.items():
                data = [*right[:place], value, *right[place + 1 :]]
                words = f"{event['name']}, {field}: {name}"
                yield Try(words, _call(event["id"], data), (200, 403, 422))
        for name, data in CALLS.items():
            yield Try(f"{event['name']}, {name}", _call(event["id"], data), NO_EVENT)
    for index in (-1, 10**9, "x", None, [], {}, 1.5, True):
        yield Try(f"result {index!r}", _select({"index": index, "value": None}), (200, 422))
    for name, value in {"no index": {}, "a list": [], "a text": "x"}.items():
        yield Try(f"result, {name}", _select(value), (200, 422))
    for number in (-1, 99999, "x", None, [], 10**30):
        yield Try(f"event number {number!r}", _call(number, []), NO_EVENT)
    for session in (None, [], {}, 5, "x" * 100_000, "../../x", "\ud800"):
        name = f"session {session!r:.20}"
        yield Try(name, lambda v, s=session: v.call(9, [], session_hash=s), NO_EVENT)


def _call(event: Any, data: Any) -> Callable[[Visitor], Answer]:
    return lambda visitor: visitor.call(event, data)


def _select(event_data: Any) -> Callable[[Visitor], Answer]:
    def send(visitor: Visitor) -> Answer:
        (number,) = (each["id"] for each in visitor.events() if each["name"] == "select")
        return visitor.call(number, [None], event_data=event_data)

    return send


def small(event: dict[str, Any], **changes: Any) -> list[Any]:
    """Return an event's values as the page shows them, with two steps."""
    given = {**ONE_STEP, **changes}
    names = [name.partition("-")[2] for name in event["inputs"]]
    return [given.get(name, value) for name, value in zip(names, event["values"], strict=True)]


def file_tries(visitor: Visitor, folder: Path) -> Iterator[Try]:
    """Yield uploads of every file of a folder, shown and worked on as photo and as map."""
    events = {event["name"]: event for event in visitor.events()}
    good = folder / "good.png"
    plain = (each for each in folder.iterdir() if each.is_file() and not each.is_symlink())
    small_ones = (each for each in plain if each.stat().st_size < 10 * MEGABYTE)
    for path in sorted(each for each in small_ones if each.name.isascii()):

        def show(v: Visitor, path: Path = path) -> Answer:
            return v.call(events["look_2"]["id"], small(events["look_2"], picture=v.uploaded(path)))

        def work(v: Visitor, path: Path = path) -> Answer:
            files = {"picture": v.uploaded(good), "map": v.uploaded(path)}
            return v.call(events["look_2"]["id"], small(events["look_2"], **files))

        yield Try(f"photo {path.name[:40]}", show)
        yield Try(f"map {path.name[:40]}", work)


def flood_fault(page: Served, visitor: Visitor, log: Path) -> str | None:
    """Upload far more than there is room for; returns what is wrong after it."""
    for _ in range(3 * MOST_MB // 15):
        answer = visitor.upload(("a.png", b"x" * 15 * MEGABYTE))
        if answer.status != 200:
            return f"refused: {answer}"
    (folder,) = page.temporary.glob("stereo-page-*")
    stored = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    if stored > MOST_MB * MEGABYTE:
        return f"{stored / MEGABYTE:.0f} MB are stored"
    return None if "oldest uploads" in log.read_text() else "nothing is said"


def work_fault(visitor: Visitor, folder: Path) -> str | None:
    """Make a pair, as after everything else the page still has to."""
    event = next(each for each in visitor.events() if each["name"] == "start_2")
    picture = visitor.uploaded(folder / "good.png")
    answer = visitor.call(event["id"], small(event, picture=picture))
    return None if "Done." in answer.body else json.dumps(answer.body)[:300]
