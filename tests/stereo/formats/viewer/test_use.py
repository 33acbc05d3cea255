"""Using the page: keys, pointer, touch, small windows, calm, full screen, and no network."""

import json

import pytest

from tests.stereo.formats.viewer.chromium import Viewer
from tests.stereo.formats.viewer.conftest import Opener, make_pair
from tests.stereo.formats.viewer.test_page import EVIL, MODES

# Every text in sight whose contrast with what is behind it is below WCAG AA.
FAINT = """() => {
    const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
    const numbers = (colour) => {
        canvas.clearRect(0, 0, 1, 1);
        canvas.fillStyle = colour;
        canvas.fillRect(0, 0, 1, 1);
        return [...canvas.getImageData(0, 0, 1, 1).data];
    };
    const luminance = ([r, g, b]) => {
        const linear = (v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
        return 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
    };
    const behind = (element) => {
        for (let e = element; e; e = e.parentElement) {
            const colour = numbers(getComputedStyle(e).backgroundColor);
            if (colour[3] === 255) return colour;
        }
        return [255, 255, 255];
    };
    const faint = [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        const element = walker.currentNode.parentElement;
        if (!walker.currentNode.textContent.trim() || !element.checkVisibility()) continue;
        if (element.closest("script, noscript, option")) continue;
        const pair = [numbers(getComputedStyle(element).color), behind(element)].map(luminance);
        const contrast = (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
        if (contrast < 4.5) faint.push([walker.currentNode.textContent, contrast]);
    }
    return faint;
}"""
NAMELESS = """[...document.querySelectorAll("input, select, button, summary, canvas")].filter(
    (e) => !(e.labels?.[0]?.textContent || e.ariaLabel || e.textContent).trim()).length"""
VIOLATIONS = """() => new Promise(async (done) => {
    const stopped = [];
    document.addEventListener("securitypolicyviolation", (e) => {
        stopped.push(e.effectiveDirective);
        if (stopped.length === 2) done(stopped.sort());
    });
    fetch("https://example.org/").catch(() => 0);
    new Image().src = "https://example.org/a.png";
})"""
CANVAS = "document.getElementById('picture').toDataURL()"


def mode(viewer: Viewer) -> str:
    return viewer.ask("document.querySelector('input[name=mode]:checked').value")


def value(viewer: Viewer, name: str) -> float:
    return float(viewer.ask(f"document.getElementById('{name}').value"))


def test_digits_choose_modes(open_page: Opener) -> None:
    viewer = open_page()
    for digit, name in enumerate(MODES, start=1):
        viewer.page.keyboard.press(str(digit))
        assert mode(viewer) == name
    viewer.page.keyboard.press("8")
    assert mode(viewer) == MODES[-1]


def test_keys_change_depth_and_marks(open_page: Opener) -> None:
    viewer = open_page()
    keyboard = viewer.page.keyboard
    for key in ("+", "]", "]", "h"):
        keyboard.press(key)
    assert value(viewer, "strength") == 105 and value(viewer, "convergence") == 0.2
    assert viewer.ask("document.getElementById('holes').checked")
    assert viewer.text("convergence-value") == "0.2 % of width further"
    keyboard.press("r")
    assert value(viewer, "strength") == 100 and value(viewer, "convergence") == 0
    for key in ("-", "[", "h"):
        keyboard.press(key)
    assert value(viewer, "strength") == 95 and value(viewer, "convergence") == -0.1
    viewer.page.get_by_role("button", name="Reset depth").click()
    assert viewer.text("strength-value") == "100 %"


def test_shortcuts_can_be_switched_off(open_page: Opener) -> None:
    viewer = open_page()
    viewer.page.get_by_text("Keyboard").click()
    viewer.page.get_by_label("Single-key shortcuts").uncheck()
    viewer.page.keyboard.press("3")
    assert mode(viewer) == "side-by-side"


def test_everything_is_reached_with_tab_and_shows_its_focus(open_page: Opener) -> None:
    viewer = open_page(mode=None)
    names = []
    for _ in range(13):
        viewer.page.keyboard.press("Tab")
        shown = viewer.ask(
            "(() => { const e = document.activeElement;"
            "const drawn = e.type === 'radio' ? e.nextElementSibling : e;"
            "return [e.id || e.name || e.tagName, parseFloat(getComputedStyle(drawn).outlineWidth),"
            "getComputedStyle(drawn).outlineStyle]; })()"
        )
        assert shown[1] >= 1 and shown[2] != "none", shown
        names.append(shown[0])
    expected = "picture mode speed play reset strength convergence size zoom holes fullscreen"
    assert names == [*expected.split(), "SUMMARY", "SUMMARY"]


def test_page_fits_360_pixels(open_page: Opener) -> None:
    long = {"prompt": "an unbreakableword" * 20, "command": "python x.py --" + "y" * 300}
    viewer = open_page(make_pair(**long), size=(360, 640), touch=True)
    for summary in viewer.page.locator("summary").all():
        summary.click()
    for name in ("Cross-eyed", "Anaglyph", "Wiggle", "Compare", "Viewpoint", "Disparity"):
        viewer.choose(name)
        viewer.settle()
        assert viewer.ask("document.documentElement.scrollWidth") == 360, name
        box = viewer.page.locator("#picture").bounding_box()
        assert box is not None and 0 <= box["x"] and box["x"] + box["width"] <= 360
        assert min(box["width"], box["height"]) > 100
    small = viewer.ask(
        "[...document.querySelectorAll('button, select, summary, input')]"
        ".filter((e) => e.checkVisibility()).map((e) => [e.id, e.getBoundingClientRect()])"
        ".filter(([, box]) => box.width < 20 || box.height < 20).map(([id]) => id)"
    )
    assert small == []


@pytest.mark.parametrize("size", [(1280, 800), (360, 640)])
def test_text_stands_out_in_every_mode(open_page: Opener, size: tuple[int, int]) -> None:
    viewer = open_page(size=size)
    for summary in viewer.page.locator("summary").all():
        summary.click()
    for digit in range(1, len(MODES) + 1):
        viewer.page.keyboard.press(str(digit))
        viewer.settle()
        assert viewer.page.evaluate(FAINT) == []


def test_every_control_has_a_name(open_page: Opener) -> None:
    viewer = open_page()
    assert viewer.ask(NAMELESS) == 0
    picture = viewer.page.get_by_role("img", name="Side by side")
    assert picture.count() == 1
    viewer.choose("Anaglyph")
    assert viewer.page.get_by_role("img", name="Anaglyph, Red-cyan").count() == 1
    assert viewer.page.get_by_role("slider", name="Parallax").get_attribute("aria-valuetext")


def test_nothing_moves_for_those_who_want_calm(open_page: Opener) -> None:
    viewer = open_page(calm=True)
    viewer.choose("Wiggle")
    assert not moves(viewer)
    viewer.page.get_by_role("button", name="Play").click()
    assert moves(viewer)
    viewer.page.get_by_role("button", name="Pause").click()
    assert not moves(viewer)


def test_bare_eyes_are_shown_something_first(open_page: Opener) -> None:
    viewer = open_page(calm=False, mode=None)
    assert mode(viewer) == "wiggle" and moves(viewer)
    viewer = open_page(calm=True, mode=None)
    assert mode(viewer) == "wiggle" and not moves(viewer)


def test_wiggle_plays_when_chosen_and_stops_when_left(open_page: Opener) -> None:
    viewer = open_page(calm=False)
    assert not moves(viewer)
    viewer.choose("Wiggle")
    assert moves(viewer)
    viewer.page.locator("#picture").focus()
    viewer.page.keyboard.press("Space")
    assert not moves(viewer)
    viewer.page.keyboard.press("Space")
    viewer.choose("Viewpoint")
    assert not moves(viewer)


def moves(viewer: Viewer) -> bool:
    """Tell whether the picture changes within a second; half a loop takes 0.36 s."""
    viewer.settle()
    before = viewer.ask(CANVAS)
    return viewer.ask(
        f"""new Promise(done => {{
            const before = {json.dumps(before)}, end = performance.now() + 1000;
            const look = () => {CANVAS} !== before ? done(true)
                : performance.now() > end ? done(false) : requestAnimationFrame(look);
            look();
        }})"""
    )


def test_pointer_reads_the_disparity_in_percent_of_the_width(open_page: Opener) -> None:
    viewer = open_page()
    viewer.page.mouse.move(*viewer.place(26.5 / 96, 10 / 32))
    assert viewer.text("reading") == (
        "Disparity 12.5 % of width (6.0 px) · 12.5 % in front of the screen"
    )
    marks = [mark.bounding_box() for mark in viewer.page.locator(".mark").all()]
    centres = [box["x"] + box["width"] / 2 for box in marks if box is not None]
    assert centres == pytest.approx(
        [viewer.place((26 + 0.5) / 96, 0)[0], viewer.place((48 + 20 + 0.5) / 96, 0)[0]], abs=1.5
    )
    viewer.page.mouse.move(*viewer.place((48 + 16.5) / 96, 10 / 32))
    assert viewer.text("reading").startswith("Disparity 12.5 %")
    viewer.page.mouse.move(*viewer.place((48 + 28.5) / 96, 10 / 32))
    assert viewer.text("reading") == (
        "Disparity 0.0 % of width (0.0 px) · in the plane of the screen · invented by the model"
    )


def test_reading_follows_parallax_and_convergence(open_page: Opener) -> None:
    viewer = open_page()
    viewer.set("strength", 50)
    viewer.set("convergence", 10)
    viewer.choose("Anaglyph")
    viewer.settle()
    viewer.page.mouse.move(*viewer.place(24.5 / 48, 10 / 32))
    # 3 px of disparity less the 5 px by which everything was pushed back.
    assert viewer.text("reading") == ("Disparity 6.3 % of width (3.0 px) · 4.2 % behind the screen")
    viewer.page.mouse.move(*viewer.place(0.5 / 48, 10 / 32))
    assert viewer.text("reading") == "Outside of one view"


def test_arrow_keys_read_aloud(open_page: Opener) -> None:
    viewer = open_page()
    viewer.choose("Disparity")
    viewer.page.locator("#picture").focus()
    for _ in range(5):
        viewer.page.keyboard.press("ArrowUp")
    assert viewer.text("reading").startswith("Disparity 12.5 %")
    assert viewer.page.locator("#reading").get_attribute("aria-live") == "polite"


@pytest.mark.parametrize("name", ["Compare", "Viewpoint"])
def test_dragging_moves_the_position(open_page: Opener, name: str) -> None:
    viewer = open_page(size=(360, 740), touch=True)
    viewer.choose(name)
    viewer.settle()
    viewer.page.mouse.move(*viewer.place(0.4, 0.5))
    viewer.page.mouse.down()
    viewer.page.mouse.move(*viewer.place(0.76, 0.5))
    viewer.page.mouse.up()
    assert value(viewer, "place") == pytest.approx(76, abs=2)
    viewer.page.mouse.move(*viewer.place(0.1, 0.5))
    assert value(viewer, "place") == pytest.approx(76, abs=2)
    viewer.page.touchscreen.tap(*viewer.place(0.25, 0.5))
    assert value(viewer, "place") == pytest.approx(25, abs=2)


def test_size_scales_the_picture(open_page: Opener) -> None:
    viewer = open_page()
    before = viewer.page.locator("#picture").bounding_box()
    viewer.set("size", 50)
    after = viewer.page.locator("#picture").bounding_box()
    assert before is not None and after is not None
    assert after["width"] == pytest.approx(before["width"] / 2, abs=1)


def test_full_screen_shows_the_picture_alone(open_page: Opener) -> None:
    viewer = open_page()
    viewer.page.get_by_role("button", name="Full screen").click()
    viewer.page.wait_for_function("document.fullscreenElement?.id === 'stage'")
    viewer.page.keyboard.press("5")
    assert mode(viewer) == "compare"
    viewer.page.keyboard.press("f")
    viewer.page.wait_for_function("document.fullscreenElement === null")


def test_policy_stops_what_would_leave_the_page(open_page: Opener) -> None:
    viewer = open_page()
    assert viewer.page.evaluate(VIOLATIONS) == ["connect-src", "img-src"]
    viewer.faults.clear()  # Both are reported on the console, as they should.


def test_prompt_is_shown_and_not_run(open_page: Opener) -> None:
    viewer = open_page(make_pair(prompt=EVIL))
    assert viewer.page.title().split() == EVIL.split()
    assert viewer.page.locator("h1").inner_text().split() == EVIL.split()
    viewer.page.get_by_text("Settings").click()
    assert EVIL.split()[0] in viewer.page.locator(".settings").inner_text()
    stored = viewer.ask("JSON.parse(document.getElementById('pair-settings').textContent).prompt")
    assert stored == EVIL


def test_page_shows_both_views_without_scripts(open_page: Opener, browser, tmp_path) -> None:
    open_page()
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto((tmp_path / "0_viewer.html").as_uri())
    boxes = [page.get_by_alt_text(f"{eye} view").bounding_box() for eye in ("Left", "Right")]
    assert not page.locator("#controls").is_visible()
    context.close()
    assert boxes[0]["x"] + boxes[0]["width"] == pytest.approx(boxes[1]["x"], abs=1)
    assert boxes[0]["width"] > 100
