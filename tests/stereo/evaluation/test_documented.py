"""docs/results.md: its commands parse, its configurations read, every run has its place."""

import re
import shlex

import pytest

from stereo.evaluation.cli import parse
from stereo.evaluation.settings import choose_methods, read_evaluation_settings
from tests.stereo.evaluation.conftest import ROOT

TEXT = (ROOT / "docs" / "results.md").read_text()
COMMANDS = re.findall(r"^python evaluate\.py (.+)$", TEXT.replace("\\\n", " "), re.MULTILINE)


def test_every_block_has_a_command() -> None:
    blocks = re.findall(r"<!-- run: (?!refinement)(.+?) -->", TEXT)
    into = [command for command in COMMANDS if "--into docs/results.md" in command]
    assert len(blocks) == len(into) == len(set(blocks)) == 5
    for name, command in zip(blocks, into, strict=True):
        assert f"--out runs/{name} " in f"{command} "
        assert TEXT.count(f"<!-- end: {name} -->") == 1


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_are_ones_that_run(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    args = parse(shlex.split(command))
    settings = read_evaluation_settings(args.config)
    assert choose_methods(settings.methods, None, args.preset, args.ablation)


def test_make_metrics_makes_the_documented_table() -> None:
    rule = (ROOT / "Makefile").read_text().partition("\nmetrics: ")[2].partition("\n\n")[0]
    assert "evaluate.py --config configs/eval/shapes.yaml --out $(METRICS) $(SHARE)" in rule
