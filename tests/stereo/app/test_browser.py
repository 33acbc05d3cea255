"""The page in headless Chromium with the embedded model: upload to download, faults, cancelling.

`STEREO_APP_SCREENSHOTS=FOLDER pytest -m slow tests/stereo/app/test_browser.py -k screen` renews
the pictures of the page at three widths; the widest one is docs/app.png.
"""

import json
import os
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import numpy as np
import pytest
from PIL import Image

from stereo.app.results import KEPT
from stereo.formats import DEFAULT_FORMATS, FORMATS, load, read_settings
from tests.stereo.app.serving import ROOT, Served, Visitor, serve, visit
from tests.stereo.formats.viewer.chromium import NoBrowserError, open_browser

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.slow

SCENE = ROOT / "docs" / "scene.png"
STEPS = 4
MAX_FILE_MB = 2


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    pytest.importorskip("gradio", reason="needs gradio: pip install -r requirements-app.txt")
    try:
        with open_browser() as browser:
            yield browser
    except NoBrowserError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def served(browser: "Browser", tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serve(tmp_path_factory.mktemp("tmp"), "--max_file_mb", str(MAX_FILE_MB)) as served:
        yield served


@pytest.fixture
def visitor(browser: "Browser", served: Served) -> Iterator[Visitor]:
    with visit(browser, served) as visitor:
        yield visitor


def finish(visitor: Visitor, task: str, *, steps: int = STEPS) -> None:
    visitor.set_steps(task, steps)
    visitor.run(task)
    visitor.wait_for_notice("Done.")


def test_from_prompt_to_download(visitor: Visitor, tmp_path: Path) -> None:
    visitor.page.locator("#text-prompt textarea").fill("a blue box <b>on</b> a green floor")
    finish(visitor, "text")
    assert visitor.page.locator("#about h2").inner_text().startswith("a blue box <b>on</b> a")
    pair = load(visitor.download("sbs", tmp_path))
    assert pair.left.shape == pair.right.shape == (256, 256, 3)
    assert pair.settings["prompt"] == "a blue box <b>on</b> a green floor"
    assert (pair.settings["steps"], pair.settings["preset"]) == (STEPS, "best")
    with Image.open(visitor.download("mpo", tmp_path)) as mpo:
        assert mpo.n_frames == 2
    assert visitor.page.locator("#about li a").count() == len(FORMATS) + 1
    visitor.page.locator("#about select").select_option("sbs")
    for name, count in (("chosen", len(DEFAULT_FORMATS) + 1), ("zip", len(FORMATS) + 1)):
        with zipfile.ZipFile(visitor.download(name, tmp_path)) as archive:
            assert len(archive.namelist()) == count
            if name == "chosen":
                assert archive.namelist()[0].endswith("_Full_SBS.png")
    kept = [path for path in visitor.served.results() if path.suffix != ".jpg"]
    assert len(kept) % (len(KEPT) + 1) == 0  # nothing was left of what was asked for


def test_from_a_picture_and_an_own_map_to_download(visitor: Visitor, tmp_path: Path) -> None:
    visitor.tab("depth")
    visitor.upload("depth-picture", SCENE)
    visitor.page.locator("#depth-inputs", has_text="as the depth network sees it").wait_for()
    near = np.tile(np.linspace(0, 1, 256, dtype=np.float32), (256, 1))
    np.save(tmp_path / "ramp.npy", near)
    visitor.page.locator("#depth-own button").first.click()
    visitor.upload("depth-map", tmp_path / "ramp.npy")
    visitor.page.locator("#depth-inputs", has_text="your map").wait_for()
    finish(visitor, "depth")
    disparity = np.load(visitor.download("disparity_npy", tmp_path))
    assert np.abs(disparity - near).max() < 0.01
    settings = read_settings(visitor.download("settings", tmp_path))
    assert settings["init_img"] == "scene.png" and settings["map"] == "ramp.npy"


def test_from_a_photo_to_its_viewer(visitor: Visitor, tmp_path: Path) -> None:
    visitor.tab("image")
    visitor.upload("image-picture", SCENE)
    visitor.page.locator("#image-inputs img").nth(1).wait_for()
    finish(visitor, "image")
    with Image.open(visitor.download("left", tmp_path)) as left, Image.open(SCENE) as scene:
        assert np.array_equal(np.asarray(left), np.asarray(scene.convert("RGB")))
    page = visitor.page.frame_locator("#result iframe")
    page.get_by_role("radio", name="Wiggle").wait_for(state="attached")
    saved = visitor.download("viewer", tmp_path)
    command = read_settings(saved)["command"]
    assert command.startswith("python img2stereo.py --img_path scene.png --preset best")


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("notes.png", b"a shopping list", "notes.png cannot be read: not an image format"),
        ("broken.png", SCENE.read_bytes()[:5000], "broken.png cannot be read"),
        ("empty.jpg", b"", "empty.jpg is empty"),
    ],
)
def test_a_wrong_file_is_named(
    visitor: Visitor, tmp_path: Path, name: str, content: bytes, words: str
) -> None:
    (tmp_path / name).write_bytes(content)
    visitor.tab("image")
    visitor.upload("image-picture", tmp_path / name)
    visitor.wait_for_notice(words)
    visitor.run("image")
    notice = visitor.page.locator("#image-notice")
    notice.locator(".sd-bad", has_text=words).wait_for()
    assert str(visitor.served.temporary) not in notice.inner_text()
    visitor.upload("image-picture", SCENE)
    visitor.page.locator("#image-inputs img").nth(1).wait_for()
    assert notice.locator(".sd-notice").count() == 0  # mended


def test_too_large_an_upload_is_refused(browser: "Browser", served: Served, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (1000, 1000, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "large.png")
    assert (tmp_path / "large.png").stat().st_size > MAX_FILE_MB * 2**20
    with visit(browser, served) as visitor:
        visitor.tab("image")
        visitor.upload("image-picture", tmp_path / "large.png")
        visitor.page.get_by_text("the maximum allowed size").first.wait_for()
        visitor.faults.clear()  # the browser reports the refusal as an error, too


def test_cancelling_leaves_nothing(visitor: Visitor) -> None:
    before = set(visitor.served.results())
    visitor.set_steps("text", 100)
    visitor.run("text")
    visitor.page.locator("#text-notice progress[value]").wait_for()
    visitor.page.locator("#text-cancel").click()
    visitor.wait_for_notice("Cancelled. Nothing was kept")
    assert visitor.page.locator("#text-run").is_enabled()
    assert visitor.page.locator("#text-cancel").is_disabled()
    assert set(visitor.served.results()) <= before
    finish(visitor, "text")


def test_two_visitors_get_their_own_results(
    browser: "Browser", served: Served, tmp_path: Path
) -> None:
    with visit(browser, served) as ann, visit(browser, served) as bob:
        ann.page.locator("#text-prompt textarea").fill("a red sphere")
        bob.page.locator("#text-prompt textarea").fill("a green box")
        for visitor in (ann, bob):
            visitor.set_steps("text", 100)  # seconds: time for Bob to be told that he waits
        ann.run("text")
        ann.page.locator("#text-notice progress").wait_for()
        bob.run("text")
        bob.page.locator("#text-notice", has_text="Waiting: 1 job is ahead of yours").wait_for()
        for visitor, prompt in ((ann, "a red sphere"), (bob, "a green box")):
            visitor.wait_for_notice("Done.")
            saved = visitor.download("settings", tmp_path)
            assert read_settings(saved)["prompt"] == prompt
            assert visitor.page.locator("#about h2").inner_text().startswith(prompt)


def test_whoever_leaves_takes_the_results_along(browser: "Browser", served: Served) -> None:
    before = set(served.results())
    with visit(browser, served) as visitor:
        finish(visitor, "text", steps=2)
        mine = set(served.results()) - before
        assert mine
    with visit(browser, served) as another:
        for _ in range(60):
            if not mine & set(served.results()):
                return
            another.page.wait_for_timeout(500)
    pytest.fail("results of a closed page are still there")


def test_nothing_moves_while_a_pair_is_made(visitor: Visitor) -> None:
    """Neither the frame of the pair nor what the hand is on."""
    visitor.tab("image")

    def places() -> list:
        names = ("#image-picture", "#image-prompt", "#image-run", "#image-preset", ".sd-frame")
        return [visitor.page.locator(name).first.bounding_box() for name in names]

    before = places()
    visitor.page.locator("#image-example").click()
    visitor.page.locator("#image-inputs img").nth(1).wait_for()
    assert places() == before
    visitor.run("image")
    visitor.page.locator("#image-notice progress[value]").wait_for()
    visitor.page.locator(".sd-sofar img").first.wait_for()
    assert places() == before
    visitor.wait_for_notice("Done.")
    visitor.page.frame_locator("#result iframe").locator("#picture").wait_for()
    assert places() == before
    frame = visitor.page.locator(".sd-frame").bounding_box()
    assert frame["width"] * frame["height"] > 0.4 * 1280 * 900


def test_a_whole_folder_is_made(visitor: Visitor, tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        shutil.copy(SCENE, tmp_path / name)
    (tmp_path / "c.png").write_bytes(b"a shopping list")
    (tmp_path / "notes.txt").write_text("not for here")
    visitor.tab("image")
    visitor.page.locator("#image-folder input[type=file]").set_input_files(tmp_path)
    visitor.page.locator("#image-inputs img").nth(1).wait_for()
    visitor.set_steps("image", 2)
    visitor.run("image")
    visitor.wait_for_notice("2 of 3 pictures are done. Left out: image c.png cannot be read")
    visitor.page.locator("#gallery img").nth(1).wait_for()
    visitor.page.locator("#gallery button.thumbnail-item").nth(1).click()
    visitor.page.locator("#about h2", has_text="a.png").wait_for()


def test_choices_change_what_they_say(visitor: Visitor) -> None:
    page = visitor.page
    page.get_by_role("button", name="a green cylinder on a red floor").first.click()
    assert page.locator("#text-prompt textarea").input_value() == "a green cylinder on a red floor"
    page.locator("#text-sampling button").first.click()
    seed = page.locator("#text-seed input")
    seed.wait_for()
    page.locator("#text-dice").click()
    page.wait_for_function("document.querySelector('#text-seed input').value !== '42'")
    page.locator("#text-preset").get_by_label("As in the paper").check()
    comfort = page.locator("#text-comfort").get_by_label("As set here")
    page.wait_for_function("document.querySelector('#text-comfort input[value=none]').checked")
    assert comfort.is_checked()


def test_screens_of_three_widths(browser: "Browser", served: Served) -> None:
    folder = os.environ.get("STEREO_APP_SCREENSHOTS")
    for width in (1400, 1024, 390):
        with visit(browser, served, width=width) as visitor:
            visitor.tab("image")
            visitor.page.locator("#image-example").click()
            visitor.page.locator("#image-inputs img").nth(1).wait_for()
            finish(visitor, "image", steps=20 if folder else 2)
            visitor.page.locator("#image-sampling button").first.click()
            picture = visitor.page.frame_locator("#result iframe").locator("#picture")
            picture.wait_for()
            visitor.page.locator("#gallery img").first.wait_for()
            assert visitor.page.evaluate("document.documentElement.scrollWidth") <= width
            if folder:
                place = "0, 0" if width > 800 else "0, document.querySelector('#result').offsetTop"
                visitor.page.evaluate(f"window.scrollTo({place})")
                visitor.page.wait_for_timeout(1000)
                visitor.page.screenshot(path=Path(folder) / f"app_{width}.png")


def test_nothing_is_wider_than_a_telephone(browser: "Browser", served: Served) -> None:
    with visit(browser, served, width=390) as visitor:
        for _ in range(2):
            finish_again = visitor.page.locator("#text-sampling button").first
            if not visitor.page.locator("#text-steps").is_visible():
                finish_again.click()
            visitor.page.locator("#text-steps input[type=number]").fill("2")
            visitor.run("text")
            visitor.page.locator("#text-notice .sd-progress").wait_for()
            visitor.wait_for_notice("Done.")
        visitor.page.locator("#gallery img").nth(1).wait_for()
        assert visitor.page.evaluate("document.documentElement.scrollWidth") <= 390
        visitor.page.locator("#gallery button.thumbnail-item").nth(1).click()
        visitor.page.locator("#about h2").wait_for()


def fetch(address: str, body: object = None) -> tuple[int, bytes]:
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"}
    try:
        with urlopen(Request(address, data, headers), timeout=60) as answer:
            return answer.status, answer.read()
    except HTTPError as error:
        return error.code, error.read()


def test_files_of_the_server_are_not_served(served: Served, tmp_path: Path) -> None:
    (tmp_path / "secret.png").write_bytes(SCENE.read_bytes())
    for path in ("/etc/passwd", str(ROOT / "app.py"), str(tmp_path / "secret.png"), "app.py"):
        status, body = fetch(f"{served.address}gradio_api/file={path}")
        assert status == 403 and b"import" not in body and b"root:" not in body


def test_a_path_in_place_of_an_upload_is_not_opened(visitor: Visitor, tmp_path: Path) -> None:
    """A visitor's own request that names a file of the server must not get to see it."""
    shutil.copy(SCENE, tmp_path / "secret.png")

    def name_it(route: object) -> None:
        sent = json.loads(route.request.post_data)
        for value in sent["data"]:
            if isinstance(value, dict) and "path" in value:
                value["path"] = str(tmp_path / "secret.png")
        route.continue_(post_data=json.dumps(sent))

    visitor.page.route("**/queue/join*", name_it)
    visitor.tab("image")
    visitor.upload("image-picture", SCENE)
    visitor.page.locator("text=Error >> visible=true").first.wait_for()
    assert visitor.page.locator("#image-inputs img").count() == 0
    visitor.faults.clear()
