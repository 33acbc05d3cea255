"""Bad arguments in one line."""

from pathlib import Path

import pytest

from tests.stereo.evaluation.conftest import (
    CONFIG,
    Evaluate,
)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--config", CONFIG, "--data", "nowhere"), "Middlebury Stereo 2014"),
        (("--config", CONFIG, "--methods", "magic"), "methods: got 'magic'"),
        (("--config", CONFIG, "--preset", "worst"), "methods: got 'worst'"),
        (("--config", CONFIG, "--ablation", "worst"), "ablation: got 'worst'"),
        (("--config", CONFIG, "--shard", "3/2"), "shard: got '3/2'"),
        (("--config", "none.yaml"), "none.yaml"),
        (("--config", "pyproject.toml"), "config: pyproject.toml"),
        (("--size", "5", "--config", CONFIG), "size_px: got 5"),
        ((), "--config: needed to infer"),
        (("score",), "run 'evaluate.py infer' first"),
        (("report",), "run 'evaluate.py infer' first"),
    ],
)
def test_bad_arguments_are_one_line(
    evaluate: Evaluate, tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    outcome = evaluate(*arguments, "--out", tmp_path / "run")
    assert outcome.code == 2 and message in outcome.err and outcome.err.count("\n") == 1
