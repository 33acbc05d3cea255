"""A run resumes from its own checkpoint, and from nothing else."""

import dataclasses
import pickle
from pathlib import Path

import pytest
import torch

from shapes.training.checkpoint import CHECKPOINT, WholeFileIO
from tests.shapes.training.tiny import tiny_settings, train


def refusal(trained: Path, folder: Path) -> str:
    """Return the one line that refuses to resume the depth network's run in `folder`."""
    with pytest.raises(ValueError, match="--resume") as caught:
        train(tiny_settings("dpt", trained), folder, resume=True)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_resume_from_another_configuration_is_refused(trained: Path) -> None:
    settings = dataclasses.replace(tiny_settings("dpt", trained), seed=1)
    with pytest.raises(ValueError, match="another configuration"):
        train(settings, trained, resume=True)


@pytest.mark.parametrize(
    "content", [b"", b"not a checkpoint", pickle.dumps(print), b"PK\x03\x04" + bytes(100)]
)
def test_resume_from_a_damaged_checkpoint_is_refused(
    trained: Path, tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "dpt").mkdir()
    (tmp_path / "dpt" / CHECKPOINT).write_bytes(content)
    assert "cannot be read" in refusal(trained, tmp_path)


def test_resume_from_a_cut_checkpoint_is_refused(trained: Path, tmp_path: Path) -> None:
    content = (trained / "dpt" / CHECKPOINT).read_bytes()
    (tmp_path / "dpt").mkdir()
    (tmp_path / "dpt" / CHECKPOINT).write_bytes(content[: len(content) // 2])
    assert "cannot be read" in refusal(trained, tmp_path)


def test_resume_from_a_checkpoint_in_pieces_is_refused(trained: Path, tmp_path: Path) -> None:
    (tmp_path / "dpt" / "checkpoint").mkdir(parents=True)
    (tmp_path / "dpt" / "checkpoint" / "index.json").write_text("{}")
    assert "in pieces" in refusal(trained, tmp_path)


def test_resume_without_a_checkpoint_is_refused(trained: Path, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="--resume"):
        train(tiny_settings("dpt", trained), tmp_path / "empty", resume=True)


def test_the_last_whole_state_survives_a_full_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files, path = WholeFileIO(), tmp_path / CHECKPOINT
    files.save_checkpoint({"step": 1}, path)

    def fill(state: dict, target: Path) -> None:
        Path(target).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", fill)
    with pytest.raises(OSError, match="No space left"):
        files.save_checkpoint({"step": 2}, path)
    assert torch.load(path, weights_only=True) == {"step": 1}
    assert list(tmp_path.iterdir()) == [path]
