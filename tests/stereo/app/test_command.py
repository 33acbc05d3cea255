"""`python app.py` itself: what it says when it cannot serve."""

import importlib.util
import socket
from collections.abc import Callable

import pytest

from tests.scripts.conftest import Outcome, run_script

__all__ = ["run_script"]

Runner = Callable[..., Outcome]


def test_without_gradio_it_says_how_to_get_it(
    run_script: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        "importlib.util.find_spec", lambda name: None if name == "gradio" else find(name)
    )
    outcome = run_script("app.py")
    assert outcome.code == 2
    assert outcome.err.count("\n") == 1
    assert "pip install -r requirements-app.txt" in outcome.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--port", "70000"], "--port: got 70000, expected 1 to 65535"),
        (["--max_megapixels", "-1"], "--max_megapixels: got -1, expected more than 0"),
        (["--max_file_mb", "0"], "--max_file_mb: got 0, expected 1 to 100000"),
    ],
)
def test_a_wrong_option_is_one_line(run_script: Runner, arguments: list[str], words: str) -> None:
    outcome = run_script("app.py", *arguments)
    assert outcome.code == 2
    assert words in outcome.err and outcome.err.count("\n") == 1


def test_a_taken_port_is_one_line(run_script: Runner) -> None:
    pytest.importorskip("gradio", reason="needs gradio: pip install -r requirements-app.txt")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        outcome = run_script("app.py", "--port", port)
    assert outcome.code == 2
    assert str(port) in outcome.err and outcome.err.count("\n") == 1
