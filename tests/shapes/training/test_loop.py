"""The training loop: its schedule and average, and that a run goes on where it was."""

import dataclasses
import os
import signal
from pathlib import Path
from typing import Any

import pytest
import torch

from shapes.training.autoencoder import AutoencoderTask
from shapes.training.checkpoint import CHECKPOINT, read_checkpoint
from shapes.training.loop import average_of, learning_rate
from shapes.training.settings import Settings
from tests.shapes.training.tiny import tiny_settings, train

STEPS = 12
BY_STEPS_ALONE = {"max_steps": STEPS, "max_minutes": 1e9}  # the clock would tell two runs apart


def limited(trained: Path, folder: Path, **limits: float) -> Settings:
    """Return the settings of an autoencoder's run whose weights go into `folder`."""
    settings = tiny_settings("autoencoder", trained)
    return dataclasses.replace(
        settings,
        limits=dataclasses.replace(settings.limits, **limits),
        weights=str(folder / "weights.safetensors"),
    )


def saved_step(folder: Path) -> int:
    return read_checkpoint(folder / "autoencoder" / CHECKPOINT)["global_step"]


def interrupt_step(monkeypatch: pytest.MonkeyPatch, number: int, end: Any) -> None:
    """Let `end()` happen in the middle of one step."""
    calls, real = [], AutoencoderTask.loss

    def loss(task: AutoencoderTask, *args: Any) -> torch.Tensor:
        calls.append(1)
        if len(calls) == number:
            end()
        return real(task, *args)

    monkeypatch.setattr(AutoencoderTask, "loss", loss)


def send(number: int) -> Any:
    return lambda: os.kill(os.getpid(), number)


def fail() -> None:
    raise RuntimeError("out of luck")


def test_learning_rate_warms_up_and_ends_at_zero() -> None:
    assert learning_rate(0, 0.0, peak=1.0, warmup=10) == pytest.approx(0.1)
    assert learning_rate(50, 0.5, peak=1.0, warmup=10) == pytest.approx(0.5)
    assert learning_rate(99, 1.0, peak=1.0, warmup=10) == pytest.approx(0.0)


def test_the_average_begins_with_the_first_step_and_grows_slower() -> None:
    weight = torch.nn.Parameter(torch.ones(1))
    average = average_of([weight], decay=0.5)
    weights = torch.nn.ParameterList([weight])
    average.update_parameters(weights)
    weight.data.fill_(3.0)
    average.update_parameters(weights)  # decay min(0.5, 2 / 11)
    (value,) = average.parameters()
    assert value.item() == pytest.approx(1 + 2 * 9 / 11)
    assert weight.item() == 3.0


def test_a_run_leaves_curve_picture_and_checkpoint(trained: Path) -> None:
    for part in ("autoencoder", "dpt", "text", "diffusion", "depth"):
        assert list((trained / part / "samples").glob("*.png"))
        assert (trained / part / CHECKPOINT).is_file()
        assert (trained / part / "loss.csv").read_text() == "step,loss,learning_rate\n"


def test_resume_continues_the_count(trained: Path, tmp_path: Path) -> None:
    """In a folder of its own, as other tests hold the files of `trained` against each other."""
    train(limited(trained, tmp_path), tmp_path)
    folder = train(limited(trained, tmp_path, max_steps=5), tmp_path, resume=True)
    checkpoint = read_checkpoint(folder / CHECKPOINT)
    assert checkpoint["global_step"] == 5
    assert checkpoint["state_dict"]["average.n_averaged"] == 5


@pytest.fixture(scope="module")
def whole(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a run that nothing interrupted."""
    folder = tmp_path_factory.mktemp("whole")
    train(limited(trained, folder, **BY_STEPS_ALONE), folder)
    return folder


def same_results(folder: Path, other: Path) -> bool:
    names = ("weights.safetensors", "autoencoder/loss.csv", f"autoencoder/samples/{STEPS:06d}.png")
    return all((folder / name).read_bytes() == (other / name).read_bytes() for name in names)


@pytest.mark.parametrize(
    ("end", "expected", "last"),
    [
        (send(signal.SIGINT), KeyboardInterrupt, 4),
        (send(signal.SIGTERM), KeyboardInterrupt, 4),
        (fail, RuntimeError, 3),
    ],
)
def test_an_interrupted_run_ends_like_one_without(
    trained: Path,
    whole: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    end: Any,
    expected: type[BaseException],
    last: int,
) -> None:
    """Signals wait for the step to end; what ends otherwise goes on from what was saved before."""
    every_step = {"save_minutes": 1e-9} if expected is RuntimeError else {}
    settings = limited(trained, tmp_path, **BY_STEPS_ALONE, **every_step)
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    interrupt_step(monkeypatch, 4, end)
    with pytest.raises(expected):
        train(settings, tmp_path)
    assert [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)] == handlers
    assert saved_step(tmp_path) == last
    train(settings, tmp_path, resume=True)
    assert same_results(tmp_path, whole)


def test_a_second_interrupt_does_not_wait(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupt_step(monkeypatch, 2, lambda: [send(signal.SIGINT)() for _ in range(2)])
    with pytest.raises(KeyboardInterrupt):
        train(limited(trained, tmp_path, **BY_STEPS_ALONE), tmp_path)
    assert not (tmp_path / "autoencoder" / CHECKPOINT).exists()


def test_a_run_killed_before_its_last_results_writes_them_on_resume(
    trained: Path, whole: Path, tmp_path: Path
) -> None:
    settings = limited(trained, tmp_path, **BY_STEPS_ALONE)
    train(settings, tmp_path)
    (tmp_path / "weights.safetensors").unlink()
    (tmp_path / "autoencoder" / "loss.csv").write_bytes(b"\x00\xff words,,")
    train(settings, tmp_path, resume=True)
    assert same_results(tmp_path, whole)


def test_a_run_whose_minutes_are_spent_trains_no_further(trained: Path, tmp_path: Path) -> None:
    settings = limited(trained, tmp_path, max_steps=100, max_minutes=1e-9)
    train(settings, tmp_path)
    weights = (tmp_path / "weights.safetensors").read_bytes()
    assert saved_step(tmp_path) == 1
    train(settings, tmp_path, resume=True)
    assert saved_step(tmp_path) == 1
    assert (tmp_path / "weights.safetensors").read_bytes() == weights


def test_leftovers_of_killed_runs_go(trained: Path, tmp_path: Path) -> None:
    leftover = tmp_path / "autoencoder" / ".checkpoint.ckpt.abc.partial"
    leftover.mkdir(parents=True)
    train(limited(trained, tmp_path), tmp_path)
    assert not leftover.exists()
