"""What a user names is found, or one line says which argument names nothing."""

import os
from pathlib import Path

import pytest

from stereo.runtime.places import find_given, naming, place_name


def test_files_and_folders_are_themselves(tmp_path: Path) -> None:
    (tmp_path / "a.ckpt").touch()
    assert find_given(tmp_path / "a.ckpt", "ckpt") == tmp_path / "a.ckpt"
    assert find_given(tmp_path, "ckpt") == tmp_path


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("none.ckpt", "none.ckpt: no such file"),
        ("a/b/c.safetensors", "a/b/c.safetensors: no such file"),
        ("owner/name", "is not on this machine; fetch it: python -m stereo.fetch owner/name"),
        ("owner/name@main", "python -m stereo.fetch owner/name@main"),
        ("sd-2.1-base", "python -m stereo.fetch sd-2.1-base"),
        ("owner/name/unet", r"expected a file, a folder or owner/name\[@revision\]"),
        ("owner/name@../x", "expected a file, a folder"),
        ("../name", "expected a file, a folder"),
        ("/owner/name", "expected a file, a folder"),
        ("no such words", "expected a file, a folder"),
    ],
)
def test_what_is_not_there_is_told_with_its_argument(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("stereo.runtime.places.ROOT", tmp_path)
    with pytest.raises((OSError, ValueError), match=f"^vae: [^\n]*{message}[^\n]*$"):
        find_given(name, "vae")


def test_pipes_are_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.ckpt")
    with pytest.raises(FileNotFoundError, match="pipe.ckpt: neither a file nor a folder"):
        find_given(tmp_path / "pipe.ckpt", "ckpt")


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (ValueError("a.ckpt: damaged"), "ckpt: a.ckpt: damaged"),
        (ValueError("damaged"), "ckpt: a.ckpt: damaged"),
        (FileNotFoundError("a.ckpt: needs b"), "ckpt: a.ckpt: needs b"),
        (ValueError("vae: b: damaged"), "vae: b: damaged"),
    ],
)
def test_errors_name_argument_and_path_once(error: Exception, message: str) -> None:
    with pytest.raises(type(error)) as caught, naming("ckpt", Path("a.ckpt")):
        raise error
    assert str(caught.value) == message


def test_snapshots_are_called_by_their_repository() -> None:
    snapshot = Path("hub/models--owner--name/snapshots/0123")
    assert place_name(snapshot) == "owner/name@0123"
    assert place_name(snapshot / "vae") == "owner/name@0123/vae"
    assert place_name(Path("models/a.ckpt")) == "a.ckpt"
