"""The quick part of `python -m tests.reliability`, and all of it as slow tests."""

from pathlib import Path

import pytest

from tests.reliability import numbers, tables
from tests.reliability.__main__ import sections
from tests.reliability.case import BAD, DONE, Case, cases, fault
from tests.reliability.files import write_all

NAMES = [*tables.SECTIONS, "numbers", "results", "full disk", "page", "kills"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("reliability") / "files"
    write_all(place)
    return place


def test_a_wrong_end_is_seen(tmp_path: Path) -> None:
    line = "img2stereo.py --img_path nowhere.png"
    assert fault(Case(line, (BAD,), ("img_path: no such file", "nowhere.png")), tmp_path) is None
    assert "ended with 2" in fault(Case(line, (DONE,)), tmp_path)
    assert "does not say ['prompt']" in fault(Case(line, (BAD,), ("prompt",)), tmp_path)
    endless = Case("txt2stereoimg.py --device cpu --steps 500", (BAD,), limit_s=0.2)
    assert "ended with None" in fault(endless, tmp_path)


def test_a_table_is_read() -> None:
    first, second = cases("a.py --x 'b c' -> one; two\n\na.py -> 01: three")
    assert (first.codes, first.words) == ((BAD,), ("one", "two"))
    assert (second.codes, second.words) == ((0, 1), ("three",))
    assert first.arguments(Path("out")) == ["a.py", "--x", "b c"]


def test_every_script_shows_its_numbers() -> None:
    assert "--max_disparity_px" in numbers.numeric_options("img2stereo.py")
    assert numbers.numeric_options("train.py") == ["--max-minutes", "--max-steps", "--devices"]


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_nothing_breaks(folder: Path, name: str) -> None:
    if name == "page":
        pytest.importorskip("gradio")
    assert [(what, wrong) for what, wrong in sections(folder)[name]() if wrong] == []
