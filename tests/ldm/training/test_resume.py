"""A run goes on where it was, and from nothing else."""

import dataclasses
import math
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from shapes.training import checkpoint
from shapes.training.autoencoder import AutoencoderTask
from shapes.training.checkpoint import CHECKPOINT, INDEX, read_checkpoint, read_pieces, write_pieces
from shapes.training.loop import drop_rows_after
from tests.ldm.training.tiny import tiny_settings, train


def test_a_run_leaves_curve_and_picture(trained: Path) -> None:
    for part in ("autoencoder", "dpt", "diffusion", "depth"):
        assert list((trained / part / "samples").glob("*.png"))
        assert (trained / part / CHECKPOINT / INDEX).is_file()


def test_resume_continues_the_count(trained: Path, tmp_path: Path) -> None:
    """In a folder of its own, as other tests hold the files of `trained` against each other."""
    settings = tiny_settings("autoencoder", trained)
    settings = dataclasses.replace(settings, weights=str(tmp_path / "autoencoder.safetensors"))
    train(settings, tmp_path)
    longer = dataclasses.replace(settings, limits=dataclasses.replace(settings.limits, max_steps=5))
    folder = train(longer, tmp_path, resume=True)
    found = read_checkpoint(folder / CHECKPOINT)
    assert found["global_step"] == 5
    assert found["average"]["updates"] == 5


@pytest.mark.parametrize("end", [KeyboardInterrupt, RuntimeError])
def test_an_interrupted_run_ends_in_the_weights_of_one_without(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: type[BaseException]
) -> None:
    """Ctrl-C is saved; what ends otherwise goes on from what was saved before."""
    settings = tiny_settings("autoencoder", trained)
    # By steps alone, as the clock would tell two runs apart.
    limits = dataclasses.replace(settings.limits, max_steps=6, max_minutes=1e9)
    limits = dataclasses.replace(limits, save_minutes=1e-9)  # after every step
    paths = [tmp_path / f"{name}.safetensors" for name in ("whole", "interrupted")]
    whole, interrupted = (
        dataclasses.replace(settings, limits=limits, weights=str(path)) for path in paths
    )
    train(whole, tmp_path / "whole")
    asked, real = [], AutoencoderTask.loss

    def loss(task: AutoencoderTask, *args: Any) -> torch.Tensor:
        asked.append(1)
        if len(asked) == 4:
            raise end
        return real(task, *args)

    monkeypatch.setattr(AutoencoderTask, "loss", loss)
    with pytest.raises(end):
        train(interrupted, tmp_path / "interrupted")
    saved = read_checkpoint(tmp_path / "interrupted" / settings.part / CHECKPOINT)
    assert saved["global_step"] == saved["average"]["updates"] == 3
    train(interrupted, tmp_path / "interrupted", resume=True)
    expected, found = (load_file(path) for path in paths)
    for name, values in expected.items():
        assert torch.equal(values, found[name]), name


def test_the_curve_tells_every_step_once(tmp_path: Path) -> None:
    curve = tmp_path / "loss.csv"
    drop_rows_after(curve, 3)
    assert not curve.exists()
    curve.write_text("step,minutes,loss\n1,0,3\n3,0,2\n10,0,1\n")
    drop_rows_after(curve, 3)
    assert curve.read_text() == "step,minutes,loss\n1,0,3\n3,0,2\n"


def test_resume_from_another_configuration_is_refused(trained: Path) -> None:
    settings = dataclasses.replace(tiny_settings("dpt", trained), seed=1)
    with pytest.raises(ValueError, match="another configuration"):
        train(settings, trained, resume=True)


def test_resume_from_a_damaged_checkpoint_is_refused(trained: Path, tmp_path: Path) -> None:
    settings = tiny_settings("dpt", trained)
    folder = tmp_path / "dpt" / CHECKPOINT

    def refused() -> None:
        with pytest.raises(ValueError, match="cannot be read") as caught:
            train(settings, tmp_path, resume=True)
        assert "\n" not in str(caught.value)

    for content in (b"not a checkpoint", pickle.dumps(print)):
        write_pieces(folder, memoryview(content))
        refused()
    next(path for path in folder.iterdir() if path.name != INDEX).unlink()
    refused()
    for index in ("", "[1]", '{"../../secret": 3}', '{"a": "b"}'):
        (folder / INDEX).write_text(index)
        refused()
    with pytest.raises(FileNotFoundError, match="--resume"):
        train(settings, tmp_path / "empty", resume=True)


def test_pieces_are_small_and_the_last_whole_state_survives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoint, "PIECE_BYTES", 100)
    states = [bytes(range(256)), b"x" * 1000]
    for content in states:
        write_pieces(tmp_path, memoryview(content))
        assert read_pieces(tmp_path).read() == content
        assert all(path.stat().st_size <= 100 for path in tmp_path.iterdir() if path.name != INDEX)
        assert len(list(tmp_path.iterdir())) == 1 + math.ceil(len(content) / 100)

    def full_disk(path: Path, content: bytes) -> None:
        written.append(path)
        if len(written) == 3:
            raise OSError(28, "No space left on device")
        path.write_bytes(content)

    written: list[Path] = []
    monkeypatch.setattr(checkpoint, "write_bytes", full_disk)
    with pytest.raises(OSError, match="No space left"):
        write_pieces(tmp_path, memoryview(b"y" * 1000))
    assert read_pieces(tmp_path).read() == states[-1]
