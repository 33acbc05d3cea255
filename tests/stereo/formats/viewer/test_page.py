"""The page as text: self-contained, escaped, readable again, written by `--viewer`."""

import json
import re
import subprocess
import sys
from dataclasses import replace
from html import unescape
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stereo.formats import DEFAULT_FORMATS, FORMATS, load, read_settings, save_pair
from stereo.formats.viewer.page import GLASSES, viewer_page
from stereo.formats.viewer.reading import read_page
from tests.scripts.conftest import ROOT, script
from tests.stereo.formats.viewer.conftest import make_pair

EVIL = "</script><script>alert(1)</script> \" onload='x' &lt; <!-- 猫\u2028"
MODES = (
    "wiggle",
    "side-by-side",
    "cross-eyed",
    "anaglyph",
    "compare",
    "viewpoint",
    "disparity",
)


def test_page_holds_all_that_it_needs() -> None:
    page = viewer_page(make_pair())
    assert set(re.findall(r'(?:src|href)="(.*?)[,"]', page)) == {"data:image/png;base64", "data:"}
    scripts = re.sub(r"data:image/png;base64,[\w+/=]*", "", page)
    assert not re.search(r"https?:|//\w+\.|@import|\bfetch\(|XMLHttp|url\(|import\(", scripts)


def test_policy_forbids_the_network_and_foreign_scripts() -> None:
    (policy,) = re.findall(r'Content-Security-Policy" content="(.*?)"', viewer_page(make_pair()))
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["default-src"] == "'none'" and rules["img-src"] == "data:"
    assert re.fullmatch(r"'sha256-[\w+/]{43}='", rules["script-src"])
    assert "unsafe" not in policy and "connect-src" not in rules


def test_every_mode_and_every_kind_of_glasses_is_there() -> None:
    page = viewer_page(make_pair())
    assert tuple(re.findall(r'name="mode" value="([\w-]+)"', page)) == MODES
    glasses = {name for name in FORMATS if name.startswith("anaglyph")}
    kinds = re.findall(r'<option value="(\w+)">', page)
    assert set(kinds) == set(GLASSES) == glasses
    assert kinds[0] in DEFAULT_FORMATS  # what the scripts write, too


def test_large_pairs_stay_light_and_are_read_back_at_their_size(tmp_path: Path) -> None:
    small = make_pair(disparity_range_px=[0.0, 150.0])
    large = {
        name: getattr(small, name).repeat(48, 0).repeat(48, 1)
        for name in ("left", "right", "disparity", "valid")
    }
    noise = np.random.default_rng(0).normal(0, 20, large["left"].shape)
    views = {eye: (large[eye] + noise).clip(0, 255).astype(np.uint8) for eye in ("left", "right")}
    pair = replace(small, **{**large, **views})
    path = save_pair(pair, tmp_path, formats=["viewer"])[0]
    assert path.stat().st_size < 8_000_000
    back = load(path)
    assert back.left.shape == pair.left.shape == (1536, 2304, 3)
    assert np.abs(back.left.astype(int) - pair.left).mean() < 15
    assert np.abs(back.disparity - pair.disparity).mean() < 0.02
    assert (back.valid != pair.valid).mean() < 0.01


def test_settings_cannot_leave_their_place() -> None:
    pair = make_pair(prompt=EVIL, **{"<b>key</b>": "<i>value</i>"})
    page = viewer_page(pair)
    assert "<script>alert" not in page and "<b>" not in page and "<i>" not in page
    assert page.count("</script>") == 3 and page.count("<script") == 3
    (title,) = re.findall(r"<title>(.*?)</title>", page)
    assert unescape(title) == EVIL


@pytest.mark.parametrize(
    "settings, title",
    [
        ({"prompt": "a red sphere"}, "a red sphere"),
        ({"prompt": "", "img_path": "docs/scene.png"}, "scene.png"),
        ({"init_img": "C:\\pictures\\cat.jpg"}, "cat.jpg"),
        ({}, "Stereo pair"),
    ],
)
def test_title_says_what_is_shown(settings: dict, title: str) -> None:
    page = viewer_page(make_pair(**settings))
    assert f"<title>{title}</title>" in page and f"<h1>{title}</h1>" in page


@settings(max_examples=20)
@given(st.text(), st.recursive(st.integers() | st.text(), st.lists, max_leaves=4))
def test_settings_come_back_whatever_they_hold(prompt: str, value: object) -> None:
    pair = make_pair(prompt=prompt, value=value)
    (text,) = re.findall(r'id="pair-settings">(.*?)</script>', viewer_page(pair), re.S)
    assert json.loads(text) == pair.settings


def test_page_is_read_back_whole(tmp_path: Path) -> None:
    pair = make_pair(prompt=EVIL)
    path = save_pair(pair, tmp_path, formats=["viewer"])[0]
    assert path.name == "00000_viewer.html"
    back = load(path)
    np.testing.assert_array_equal(back.left, pair.left)
    np.testing.assert_array_equal(back.right, pair.right)
    np.testing.assert_array_equal(back.valid, pair.valid)
    np.testing.assert_allclose(back.disparity, pair.disparity, rtol=1e-6)
    assert back.settings == pair.settings
    assert read_settings(path) == {**pair.settings, "format": "viewer"}


def test_other_pages_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.html"
    path.write_text("<!doctype html><title>other</title>")
    for read in (read_page, read_settings, load):
        with pytest.raises(ValueError, match="not a page of this program"):
            read(path)
    damaged = viewer_page(make_pair()).replace("base64,iVBOR", "base64,iVBOx")
    path.write_text(damaged, encoding="utf-8")
    with pytest.raises(ValueError, match="damaged picture"):
        load(path)
    path.write_bytes(b"\xff\xfe\xfa")
    with pytest.raises(ValueError, match="UTF-8"):
        read_settings(path)


def test_views_of_different_sizes_are_refused(tmp_path: Path) -> None:
    pair = make_pair()
    path = tmp_path / "page.html"
    path.write_text(viewer_page(replace(pair, right=pair.right[:, 1:])), encoding="utf-8")
    with pytest.raises(ValueError, match="different sizes"):
        load(path)


@pytest.mark.parametrize("name", ["txt2stereoimg.py", "depth2stereoimg.py", "img2stereo.py"])
def test_every_script_writes_a_page_on_demand(name: str) -> None:
    pictures = {"depth2stereoimg.py": ["--init_img=a.png"], "img2stereo.py": ["--img_path=a.png"]}
    given = pictures.get(name, [])
    parse = script(name).parse
    assert "viewer" not in (parse(given).format or DEFAULT_FORMATS)
    assert parse([*given, "--viewer"]).format == [*DEFAULT_FORMATS, "viewer"]
    assert parse([*given, "--viewer", "--format", "mpo"]).format == ["mpo", "viewer"]


@pytest.mark.parametrize(
    "first", ["stereo.formats.viewer", "stereo.formats", "stereo.formats.reading"]
)
def test_packages_can_be_imported_in_any_order(first: str) -> None:
    code = f"import {first}, stereo.formats, stereo.formats.viewer"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
