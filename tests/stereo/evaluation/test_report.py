"""Tables in a document, between their markers."""

from pathlib import Path

import pytest

from stereo.evaluation.files import RunFolder
from stereo.evaluation.json_files import write_json
from stereo.evaluation.report import put_tables
from tests.stereo.evaluation.conftest import Evaluate


@pytest.fixture
def reported(tmp_path: Path) -> RunFolder:
    folder = RunFolder(tmp_path / "mine")
    write_json(folder.root / "summary.json", {"git_commit": "abc"})
    (folder.root / "table.md").write_text("# Name\n\n- note\n\n## Shapes\n\n| a |\n")
    return folder


def test_tables_go_between_their_markers_again_and_again(
    reported: RunFolder, tmp_path: Path
) -> None:
    document = tmp_path / "results.md"
    document.write_text("before\n<!-- run: mine -->\nold\n<!-- end: mine -->\nafter\n")
    put_tables(reported, document)
    once = document.read_text()
    assert once.startswith("before\n<!-- run: mine -->\n- Code: commit abc")
    assert "- note\n\n#### Shapes\n\n| a |\n<!-- end: mine -->\nafter\n" in once
    assert "old" not in once and "# Name" not in once
    put_tables(reported, document)
    assert document.read_text() == once


@pytest.mark.parametrize(
    "text",
    ["", "<!-- run: mine -->", "<!-- end: mine --><!-- run: mine -->", "<!-- run: other -->"],
)
def test_documents_without_a_place_stay_as_they_are(
    reported: RunFolder, tmp_path: Path, text: str
) -> None:
    document = tmp_path / "results.md"
    document.write_text(text)
    with pytest.raises(ValueError, match="needs one '<!-- run: mine -->'"):
        put_tables(reported, document)
    assert document.read_text() == text


def test_into_fills_a_document(evaluate: Evaluate, finished: Path, tmp_path: Path) -> None:
    document = tmp_path / "results.md"
    document.write_text("<!-- run: run -->\n<!-- end: run -->\n")
    assert evaluate("report", "--out", finished, "--into", document).code == 0
    assert "| telea | 2 |" in document.read_text()
    outcome = evaluate("report", "--out", finished, "--into", tmp_path / "none.md")
    assert outcome.code == 2 and "--into: no file" in outcome.err
