"""Fetching from a hub on the loopback address: what arrives, what is refused, what is told."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import SimpleNamespace

import pytest
from huggingface_hub import HfApi

from ldm.downloads import DOWNLOADS, Download
from ldm.hub_cache import find_in_hub_cache
from ldm.known_files import ROOT
from stereo.cli.command import run
from stereo.fetch import __main__ as command_line
from stereo.fetch import download

COMMIT = "0123456789abcdef0123456789abcdef01234567"
WEIGHTS = bytes(range(256)) * 4096
SHA256 = hashlib.sha256(WEIGHTS).hexdigest()
FILE = Download("a-file", "owner/name", "a file", "MIT", "w.ckpt", "models", sha256=SHA256)
WHOLE = Download("a-whole", "owner/name", "a repository", "MIT")


@dataclass
class Hub:
    """What the server has, what it did, and after how many bytes it breaks off, once."""

    files: dict[str, bytes]
    breaks_after: int | None = None
    status: int = 200
    address: str = ""
    requests: list[tuple[str, str, str | None]] = field(default_factory=list)

    def info(self) -> dict:
        siblings = [
            {
                "rfilename": name,
                "size": len(content),
                "blobId": hashlib.sha1(content).hexdigest(),
                "lfs": {
                    "sha256": hashlib.sha256(content).hexdigest(),
                    "size": len(content),
                    "pointerSize": 100,
                },
            }
            for name, content in self.files.items()
        ]
        card = {"license": "apache-2.0"}
        return {"id": "owner/name", "sha": COMMIT, "siblings": siblings, "cardData": card}

    def tree(self) -> list[dict]:
        return [
            {
                "type": "file",
                "path": name,
                "oid": hashlib.sha1(content).hexdigest(),
                "size": len(content),
                "lfs": {
                    "oid": hashlib.sha256(content).hexdigest(),
                    "size": len(content),
                    "pointerSize": 100,
                },
            }
            for name, content in self.files.items()
        ]


class Handler(BaseHTTPRequestHandler):
    """The few requests of the hub's protocol that a download makes."""

    protocol_version = "HTTP/1.1"
    hub: Hub

    def log_message(self, *_: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        hub, path = self.hub, self.path.partition("?")[0]
        hub.requests.append((self.command, path, self.headers["Range"]))
        name = path.partition("/resolve/")[2].partition("/")[2]
        if hub.status != 200 or (name and name not in hub.files):
            headers = {"X-Error-Code": "RepoNotFound"} if hub.status == 404 else {}
            return self.answer(hub.status if hub.status != 200 else 404, b"", headers)
        if path.startswith("/api/"):
            answer = hub.tree() if "/tree/" in path else hub.info()
            return self.answer(200, json.dumps(answer).encode())
        return self.file(hub.files[name])

    def file(self, content: bytes) -> None:
        begin, _, _ = (self.headers["Range"] or "bytes=0-").removeprefix("bytes=").partition("-")
        rest = content[int(begin) :]
        headers = {"ETag": f'"{hashlib.sha256(content).hexdigest()}"', "X-Repo-Commit": COMMIT}
        if self.headers["Range"]:
            end = len(content)
            headers["Content-Range"] = f"bytes {begin}-{end - 1}/{end}"
        self.answer(206 if self.headers["Range"] else 200, rest, headers)

    def answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        stop, self.hub.breaks_after = self.hub.breaks_after, None
        if stop is not None and "/resolve/" in self.path:
            self.wfile.write(body[:stop])
            self.close_connection = True
        else:
            self.hub.breaks_after = stop
            self.wfile.write(body)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """Yield a hub that the command talks to, with folders of its own to fetch into."""
    hub = Hub({"config.json": b"{}", "w.ckpt": WEIGHTS, "model.safetensors": WEIGHTS})
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"hub": hub}))
    Thread(target=server.serve_forever, daemon=True).start()
    hub.address = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setattr(download, "_hub", lambda: HfApi(endpoint=hub.address))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", 100_000)
    monkeypatch.setattr(download, "ROOT", tmp_path)
    known = {each.name: each for each in (FILE, WHOLE)}
    monkeypatch.setattr(command_line, "find_download", known.get)
    yield hub
    server.shutdown()
    server.server_close()


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]):
    """Return a runner of the command with its exit code and what it said."""

    def call(*arguments: str) -> SimpleNamespace:
        code = run(lambda _: command_line.main(arguments))
        said = capsys.readouterr()
        return SimpleNamespace(code=code, out=said.out, err=said.err)

    return call


def errors(err: str) -> list[str]:
    return [line for line in err.splitlines() if "error: " in line]


def test_a_file_arrives_whole_in_its_folder(hub, command, tmp_path):
    done = command("a-file", "--yes")
    assert done.code == 0, done.err
    assert (tmp_path / "models" / "w.ckpt").read_bytes() == WEIGHTS
    assert [path.name for path in (tmp_path / "models").iterdir()] == ["w.ckpt"]
    assert "licence: MIT" in done.out and f"owner/name@{COMMIT[:12]}" in done.out
    asked = len(hub.requests)
    assert command("a-file", "--yes").code == 0 and len(hub.requests) == asked


def test_a_repository_is_found_in_the_cache_afterwards(hub, command):
    done = command("a-whole", "--yes")
    assert done.code == 0, done.err
    folder = find_in_hub_cache("owner/name")
    assert {path.name for path in folder.iterdir()} == {"config.json", "model.safetensors"}
    assert done.out.splitlines()[-1] == str(folder)
    assert command("a-whole", "--offline").code == 0


def test_any_repository_can_be_named_and_shows_its_own_licence(hub, command):
    done = command("owner/name", "--yes")
    assert done.code == 0 and "licence: apache-2.0" in done.out


def test_a_broken_transfer_goes_on_where_it_broke(hub, command, tmp_path):
    hub.breaks_after = 300_000
    done = command("a-file", "--yes")
    assert done.code == 0, done.err
    assert (tmp_path / "models" / "w.ckpt").read_bytes() == WEIGHTS
    ranges = [value for method, _, value in hub.requests if method == "GET" and value]
    assert ranges and 0 < int(ranges[0].removeprefix("bytes=").partition("-")[0]) <= 300_000


def test_what_a_broken_run_got_is_kept_for_the_next(hub, command, tmp_path, monkeypatch):
    def break_off(*_: object, **__: object) -> None:
        raise ConnectionError("gone")

    hub.breaks_after = 300_000
    with monkeypatch.context() as patch:
        patch.setattr("huggingface_hub.file_download.time.sleep", break_off)
        done = command("a-file", "--yes")
    assert done.code == 2 and len(errors(done.err)) == 1 and "what has come is kept" in done.err
    assert not (tmp_path / "models" / "w.ckpt").exists()
    assert command("a-file", "--yes").code == 0
    assert (tmp_path / "models" / "w.ckpt").read_bytes() == WEIGHTS
    assert any(value for _, _, value in hub.requests)


@pytest.mark.parametrize("name", ["a-file", "owner/name"])
def test_a_wrong_hash_is_refused_and_removed(hub, command, tmp_path, name, monkeypatch):
    real = hub.info()
    hub.files = {key: WEIGHTS[::-1] for key in hub.files}
    if name != "a-file":
        monkeypatch.setattr(hub, "info", lambda: real)
    done = command(name, "--yes")
    assert done.code == 2 and len(errors(done.err)) == 1
    assert "SHA-256 is" in done.err and "removed" in done.err
    left = [path for path in tmp_path.rglob("*") if path.is_file() and path.stat().st_size > 10**6]
    assert left == []


def test_no_space_is_told_before_the_download(hub, command, monkeypatch):
    usage = shutil.disk_usage(".")._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    done = command("a-file", "--yes")
    assert done.code == 2 and "no space: 0.00 GiB needed" in done.err
    assert not [path for method, path, _ in hub.requests if "/resolve/" in path]


@pytest.mark.parametrize(
    ("status", "told"),
    [(404, "is not there any more"), (403, "no connection"), (500, "no connection")],
)
def test_a_hub_that_refuses_is_told_in_one_line(hub, command, status, told):
    hub.status = status
    done = command("a-file", "--yes")
    assert done.code == 2 and len(errors(done.err)) == 1 and told in done.err


def test_no_network_is_told_in_one_line(hub, command, monkeypatch):
    hub.address = "http://127.0.0.1:9"
    done = command("a-file", "--yes")
    assert done.code == 2 and len(errors(done.err)) == 1 and "no connection" in done.err


def test_the_command_goes_to_the_address_of_the_environment(hub, tmp_path):
    places = {"HF_ENDPOINT": hub.address, "HF_HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-m", "stereo.fetch", "owner/name", "--yes"],
        env=os.environ | places | {"HF_HUB_DISABLE_XET": "1"},
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert (Path(done.stdout.splitlines()[-1]) / "model.safetensors").read_bytes() == WEIGHTS


@pytest.mark.parametrize("name", ["a-file", "a-whole", "owner/other"])
def test_offline_asks_nobody(hub, command, monkeypatch, name):
    assert "forbids to fetch" in command(name, "--yes", "--offline").err
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    done = command(name, "--yes")
    assert done.code == 2 and "forbids to fetch" in done.err and hub.requests == []


def test_a_licence_is_shown_and_has_to_be_accepted(hub, command):
    done = command("a-file")
    assert done.code == 2 and "licence: MIT" in done.out and "--yes accepts it" in done.err
    assert not [path for _, path, _ in hub.requests if "/resolve/" in path]


@pytest.mark.parametrize("name", ["nothing", "../models/w.ckpt", "owner/name/w.ckpt", ""])
def test_other_names_are_refused(hub, command, name):
    done = command(name, "--yes")
    assert done.code == 2 and "NAME: got" in done.err and hub.requests == []


def test_the_list_states_only_what_is_known(command):
    listed = command("--list")
    assert listed.code == 0
    for each in DOWNLOADS:
        (row,) = [line for line in listed.out.splitlines() if line.startswith(f"| {each.name} |")]
        assert each.repository in row and each.licence in row
        assert (each.sha256 or "no hash known")[:8] in row


def test_parts_and_copies_that_nobody_reads_are_left_out():
    names = [
        "model_index.json",
        "whole.safetensors",
        "unet/config.json",
        "unet/model.safetensors",
        "unet/model.fp16.safetensors",
        "unet/model.bin",
        "vae/model.fp16.safetensors",
        "README.md",
        "tokenizer/merges.txt",
    ]
    info = SimpleNamespace(siblings=[SimpleNamespace(rfilename=name) for name in names])
    wanted = {file.rfilename for file in download.wanted_files(info)}
    assert wanted == {
        "model_index.json",
        "unet/config.json",
        "unet/model.safetensors",
        "vae/model.fp16.safetensors",
        "tokenizer/merges.txt",
    }


def test_what_torchvision_hands_out_comes_from_its_own_address(hub, command, tmp_path, monkeypatch):
    taken = []
    monkeypatch.setattr("torch.hub.download_url_to_file", lambda *given: taken.append(given))
    (known,) = [each for each in DOWNLOADS if each.name == "lpips"]
    monkeypatch.setattr(command_line, "find_download", {"lpips": known}.get)
    assert command("lpips", "--yes").code == 0
    ((address, place, prefix),) = taken
    assert address.endswith(known.file) and place == str(tmp_path / "models" / known.file)
    assert prefix == "b8a52dc0" and hub.requests == []
