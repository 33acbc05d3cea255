"""A visitor who talks to the page without a browser, and without manners."""

import http.client
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

PATIENCE_S = 120
BOUNDARY = "a-boundary-of-forms"


@dataclass(frozen=True)
class Answer:
    """What came back: the status, and the body as text."""

    status: int
    body: str


@dataclass
class Visitor:
    """Requests to a served page; `config` is what a browser is told first."""

    address: str
    session: str = field(default_factory=lambda: secrets.token_hex(6))
    config: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.config = json.loads(self.ask("/config").body)

    def ask(
        self,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        method: str | None = None,
    ) -> Answer:
        """Send a request as it is; a `Host` among the headers replaces the right one."""
        connection = http.client.HTTPConnection(urlsplit(self.address).netloc, timeout=PATIENCE_S)
        try:
            given = dict(headers or {})
            connection.putrequest(
                method or ("GET" if body is None else "POST"),
                path,
                skip_host="Host" in given,
                skip_accept_encoding=True,
            )
            if body is not None:
                given.setdefault("Content-Length", str(len(body)))
            for name, value in given.items():
                connection.putheader(name, value)
            connection.endheaders(body)
            answer = connection.getresponse()
            return Answer(answer.status, answer.read().decode("utf-8", "replace"))
        except (BrokenPipeError, ConnectionResetError):
            return Answer(413, "closed while it was sent")
        finally:
            connection.close()

    def upload(self, *files: tuple[str, bytes], headers: Mapping[str, str] | None = None) -> Answer:
        """Upload files of these names."""
        parts = []
        for name, content in files:
            head = f'Content-Disposition: form-data; name="files"; filename="{name}"'
            kind = "Content-Type: application/octet-stream"
            parts.append(f"--{BOUNDARY}\r\n{head}\r\n{kind}\r\n\r\n".encode() + content + b"\r\n")
        body = b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()
        kinds = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}", **(headers or {})}
        return self.ask("/gradio_api/upload", body, kinds)

    def uploaded(self, path: Path) -> dict[str, Any] | None:
        """Upload a file and return the value of its field; None where it was refused."""
        answer = self.upload((path.name, path.read_bytes()))
        if answer.status != 200:
            return None
        place = json.loads(answer.body)[0]
        return {"path": place, "orig_name": path.name, "meta": {"_type": "gradio.FileData"}}

    def call(self, event: int, data: Any, *, event_data: Any = None, **changes: Any) -> Answer:
        """Trigger an event and wait for its end; the body is what it says at last."""
        request = {
            "data": data,
            "event_data": event_data,
            "fn_index": event,
            "session_hash": self.session,
            "trigger_id": None,
            **changes,
        }
        kind = {"Content-Type": "application/json"}
        joined = self.ask("/gradio_api/queue/join", json.dumps(request).encode(), kind)
        if joined.status != 200 or request["session_hash"] != self.session:
            return joined
        return self._end_of(json.loads(joined.body)["event_id"])

    def _end_of(self, event_id: str) -> Answer:
        connection = http.client.HTTPConnection(urlsplit(self.address).netloc, timeout=PATIENCE_S)
        try:
            connection.request("GET", f"/gradio_api/queue/data?session_hash={self.session}")
            said = ""
            for line in connection.getresponse():
                if not line.startswith(b"data:"):
                    continue
                message = json.loads(line[5:])
                if message.get("event_id") != event_id:
                    continue
                said += json.dumps(message.get("output", ""), ensure_ascii=False)
                if message["msg"] == "process_completed":
                    return Answer(200, said)
            return Answer(0, "no end of the event")
        finally:
            connection.close()

    def events(self) -> list[dict[str, Any]]:
        """Return the page's events, each with the names of its inputs."""
        names = {
            each["id"]: each["props"].get("elem_id") or each["type"]
            for each in self.config["components"]
        }
        values = {each["id"]: each["props"].get("value") for each in self.config["components"]}
        return [
            {
                "id": event["id"],
                "name": event["api_name"],
                "inputs": [names[n] for n in event["inputs"]],
                "values": [values[n] for n in event["inputs"]],
            }
            for event in self.config["dependencies"]
        ]
