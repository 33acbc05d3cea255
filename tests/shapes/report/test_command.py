"""The report's command: each figure once, its table, its section of a file, its refusals."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from shapes.report import command, figures, network_figures
from shapes.report.bench import Bench, Settings, Weights
from shapes.report.colours import colour_names
from shapes.report.figures import Figure, measure
from shapes.report.line import Line
from shapes.report.network_figures import real_scenes
from shapes.report.sheets import draw_sheet, save_sheet, sheet_asks, wrap
from shapes.report.table import BEGIN, END, as_markdown, as_text, replace_section
from stereo.cli.command import run


def entries() -> dict:
    lines = [
        Line("shape", 0.9, 0.85, "%", 32, "why"),
        Line("edit", -0.5, 0, "dB", 4),
        Line("photos", None, 26, "dB", 0, "skipped: no folder of photographs"),
    ]
    return {"single": figures.Entry("k", lines, "2026-01-02", 3.0, "a CPU"), "dpt": None}


def test_table_says_met_missed_and_skipped():
    text = as_text(entries()).splitlines()
    assert "90.0 %" in text[1] and " yes " in text[1]
    assert "-0.50 dB" in text[2] and " NO " in text[2]
    assert "skipped: no folder" in text[3]
    assert "not measured" in text[4]
    section = as_markdown(entries(), "a command")
    assert "`a command` on a CPU, 2026-01-02, in 3 s" in section


def test_section_is_replaced_and_nothing_else(tmp_path: Path):
    path = tmp_path / "README.md"
    path.write_text("# Weights\n\nfirst\n")
    section = as_markdown(entries(), "one")
    replace_section(path, section)
    once = path.read_text()
    assert once.startswith("# Weights\n\nfirst\n\n## Figures\n\n" + BEGIN) and once.endswith(
        END + "\n"
    )
    replace_section(path, section)
    assert path.read_text() == once
    path.write_text(once + "\nlast\n")
    replace_section(path, as_markdown(entries(), "two"))
    text = path.read_text()
    assert "`two`" in text and "`one`" not in text
    assert text.startswith("# Weights\n\nfirst\n") and text.endswith("\n\nlast\n")
    assert [p.name for p in tmp_path.iterdir()] == ["README.md"]


def test_section_with_one_marker_is_refused(tmp_path: Path):
    path = tmp_path / "README.md"
    path.write_text(f"a\n{END}\nb\n{BEGIN}\n")
    with pytest.raises(ValueError, match="expected one"):
        replace_section(path, "x")
    assert path.read_text() == f"a\n{END}\nb\n{BEGIN}\n"


@pytest.fixture
def stub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Weights, list[str]]:
    """Replace all figures by a countable one, and the weights by small files."""
    calls: list[str] = []

    def count(bench: Bench) -> list[Line]:
        calls.append("measured")
        return [Line("a figure", 1.0, 0.5, "", bench.settings.count)]

    monkeypatch.setattr(command, "FIGURES", {"a": None, "b": None})
    stubs = {name: Figure(count, ("text",), ("count",)) for name in ("a", "b")}
    monkeypatch.setattr(figures, "FIGURES", stubs)
    files = [tmp_path / f"{part}.safetensors" for part in ("text", "depth", "dpt")]
    for path in files:
        save_file({"weight": torch.zeros(1)}, path)
    return Weights(*files), calls


def test_figures_are_measured_once_for_weights_and_settings(stub, tmp_path: Path):
    weights, calls = stub
    bench = Bench(Settings(count=3), tmp_path / "out", weights)
    first = measure(bench, "a", device="d")
    assert measure(bench, "a", device="d") == first and len(calls) == 1
    measure(bench, "a", device="d", again=True)
    measure(replace(bench, settings=Settings(count=4)), "a", device="d")
    assert len(calls) == 3
    measure(replace(bench, settings=Settings(count=3, steps=7)), "a", device="d")
    assert len(calls) == 3  # steps do not matter to this figure
    save_file({"weight": torch.ones(1)}, weights.text)
    measure(bench, "a", device="d")
    assert len(calls) == 4


def test_a_damaged_result_is_measured_again(stub, tmp_path: Path):
    bench = Bench(Settings(count=3), tmp_path / "out", stub[0])
    first = measure(bench, "a", device="d")
    (tmp_path / "out" / f"a-{first.key}.json").write_text('{"lines": [')
    assert measure(bench, "a", device="d").lines == first.lines
    assert len(stub[1]) == 2


def test_command_writes_json_and_readme(stub, tmp_path: Path, capsys: pytest.CaptureFixture):
    weights, calls = stub
    readme, out = tmp_path / "README.md", tmp_path / "out"
    given = ["--count", "2", "--out", str(out), "--readme", str(readme)]
    assert command.main([*given, "--only", "a"], weights=weights) == 0
    assert "not measured" in readme.read_text()
    assert command.main(given, weights=weights) == 0
    assert len(calls) == 2  # the first figure came out of the folder
    assert "not measured" not in readme.read_text()
    assert "a figure" in capsys.readouterr().out
    stored = json.loads((out / "shapes_report.json").read_text())
    assert stored["figures"]["b"]["lines"][0]["met"] is True
    before = readme.read_text()
    assert command.main([*given, "--quick"], weights=weights) == 0
    assert readme.read_text() == before


@pytest.mark.parametrize(
    "arguments",
    [
        ["--count", "0"],
        ["--steps", "many"],
        ["--only", "beauty"],
        ["--scale", "-1"],
        ["--photos", "nowhere"],
        ["--pairs", "nowhere.json"],
        ["--unknown"],
    ],
)
def test_bad_arguments_are_one_line_and_exit_code_2(
    arguments: list[str], capsys: pytest.CaptureFixture
):
    with pytest.raises(SystemExit) as ended:
        raise SystemExit(run(lambda _: command.main(arguments)))
    assert ended.value.code == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


def test_missing_weights_are_named(tmp_path: Path):
    absent = Weights(*(tmp_path / f"{k}.safetensors" for k in "abc"))
    with pytest.raises(FileNotFoundError, match="a.safetensors"):
        command.main(["--out", str(tmp_path)], weights=absent)


def test_a_file_that_is_no_list_of_pairs_is_refused(tmp_path: Path):
    path = tmp_path / "pairs.json"
    path.write_text('[{"left": "a.png"}]')
    with pytest.raises(ValueError, match="no list of scenes"):
        real_scenes(None, path)


def test_real_scenes_are_ranked_where_disparity_is_known(tmp_path: Path, monkeypatch):
    columns = np.broadcast_to(np.arange(1, 33, dtype=np.float32), (16, 32)).copy()
    Image.fromarray(np.zeros((16, 32, 3), np.uint8)).save(tmp_path / "left.png")
    predicted = columns**2
    predicted[:, :8] = 2000  # wrong, but there the truth is unknown
    columns[:, :8] = 0
    np.save(tmp_path / "near.npy", columns)
    entry = {"left": "left.png", "disparity": "near.npy", "invalid": 0, "dataset": "Middlebury x"}
    path = tmp_path / "pairs.json"
    path.write_text(json.dumps([{**entry, "name": "a"}, {**entry, "name": "b", "dataset": "y"}]))
    monkeypatch.setattr(network_figures, "predict_disparity", lambda model, image: predicted)
    found = real_scenes(None, path)
    assert [scene.group for scene in found] == ["Middlebury x", "y"]
    assert found[0].correlation == found[0].partial == pytest.approx(1)


def test_sheets_show_every_picture_with_its_prompt(tmp_path: Path):
    asks = sheet_asks(6)
    images = np.stack([np.full((32, 32, 3), 40 * k, np.uint8) for k in range(6)])
    sheet = draw_sheet(images, asks, columns=3, side_px=64)
    assert sheet.size == (192, 2 * (64 + 26))
    assert [sheet.getpixel((64 * k + 30, 30))[0] for k in range(3)] == [0, 40, 80]
    assert sheet.getpixel((30, 64 + 26 + 30))[0] == 120
    below = np.asarray(sheet)[64:90, :64]
    assert below.min() < 128 < below.max()  # letters on white
    save_sheet(tmp_path / "sheet.png", sheet)
    assert [p.name for p in tmp_path.iterdir()] == ["sheet.png"]
    assert wrap("a red sphere left of a blue box", 16) == "a red sphere\nleft of a blue b"
    assert colour_names(images[:1][0]).shape == (32, 32)
