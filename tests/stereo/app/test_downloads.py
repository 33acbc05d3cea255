"""Files of a result: each format when it is asked for, several as ZIP, and nobody else's."""

import zipfile
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from stereo.app.downloads import make_file, make_zip, routes
from stereo.app.results import KEPT, Result, Shelves, save_result
from stereo.formats import FORMATS, load, read_settings
from stereo.formats.registry import ending
from tests.stereo.app.conftest import Workflow, make_pair, make_request

if TYPE_CHECKING:
    from starlette.testclient import TestClient


@pytest.fixture
def saved(tmp_path: Path, workflow: Workflow) -> Result:
    shelf = Shelves(tmp_path / "results").folder("ann")
    return save_result(make_pair(1), make_request(), workflow.loaded, shelf)


@pytest.fixture
def client(saved: Result) -> "TestClient":
    testing = pytest.importorskip("starlette.testclient", reason="comes with gradio")
    from starlette.applications import Starlette

    app = Starlette(routes=routes(saved.folder.parents[1]))
    return testing.TestClient(app, base_url="http://localhost/")


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_is_made_when_it_is_asked_for(saved: Result, name: str) -> None:
    before = sorted(saved.folder.iterdir())
    file_name, content = make_file(saved.folder, name)
    assert file_name == f"text_00000{ending(name)}" and content
    assert sorted(saved.folder.iterdir()) == before
    assert len(before) == len(KEPT) + 2  # settings, thumbnail


def test_a_made_file_holds_the_pair_and_its_settings(saved: Result, tmp_path: Path) -> None:
    for name in ("sbs", "tb", "webp"):
        path = tmp_path / make_file(saved.folder, name)[0]
        path.write_bytes(make_file(saved.folder, name)[1])
        np.testing.assert_array_equal(load(path).right, make_pair(1).right)
        assert read_settings(path)["format"] == name


def test_a_zip_holds_what_was_chosen_and_the_settings(saved: Result) -> None:
    name, content = make_zip(saved.folder, ["sbs", "mpo", "sbs"], "sbs")
    assert name == "text_00000.zip"
    with zipfile.ZipFile(BytesIO(content)) as archive:
        assert archive.testzip() is None
        wanted = ["text_00000_Full_SBS.png", "text_00000.mpo", "text_00000.json"]
        assert archive.namelist() == wanted


def test_the_server_answers_with_files_and_with_the_viewer(
    client: "TestClient", saved: Result
) -> None:
    answer = client.get(f"{saved.address}/sbs?names=lr")
    assert "text_00000_LR.png" in answer.headers["content-disposition"]
    page = client.get(f"{saved.address}/viewer?inline")
    assert (
        page.headers["content-type"].startswith("text/html") and b"<!doctype html>" in page.content
    )
    assert page.headers["content-security-policy"].startswith("sandbox ")
    for query, count in (("?format=sbs&format=left", 3), ("", len(FORMATS) + 1)):
        answer = client.get(f"{saved.address}/zip{query}")
        with zipfile.ZipFile(BytesIO(answer.content)) as archive:
            assert len(archive.namelist()) == count


def test_nothing_else_is_answered(client: "TestClient", saved: Result, tmp_path: Path) -> None:
    (tmp_path / "secret.json").write_text("{}")
    shelf, token = saved.folder.parent.name, saved.folder.name
    bad = [
        f"result/{shelf}/{token}/nothing",
        f"result/{shelf}/{token}/sbs?names=kodi",
        f"result/{shelf}/{token}/zip?format=nothing",
        f"result/{shelf}/{token}/..%2F..%2Fsecret.json",
        f"result/{shelf}/{'0' * 32}/sbs",
        f"result/{shelf}/..%2F..%2F/settings",
        f"result/../{token}/sbs",
        f"result/{shelf}/{token[:-1]}/sbs",
    ]
    for address in bad:
        assert client.get(address).status_code == 404, address
    assert client.post(f"{saved.address}/sbs").status_code == 405
    saved.delete()
    assert client.get(f"{saved.address}/settings").status_code == 404
