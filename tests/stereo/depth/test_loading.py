"""Depth networks are found by file, folder, hub id and short name; what is not there is told."""

import pytest

from ldm.known_files import ROOT
from stereo.depth.loading import EMBEDDED, depth_digest, find_depth_checkpoint
from stereo.runtime.places import place_name
from tests.ldm.test_hub_cache import cache  # noqa: F401

ANYTHING = "depth-anything-v2-small"


def test_files_and_folders_are_taken_as_they_are(tmp_path):
    assert find_depth_checkpoint(EMBEDDED) == EMBEDDED
    with pytest.raises(ValueError, match="depthmodel_path: .*holds no config.json"):
        find_depth_checkpoint(tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "glpn"}')
    assert find_depth_checkpoint(tmp_path) == tmp_path


def test_hub_ids_and_short_names_are_looked_for_in_the_cache(cache):  # noqa: F811
    found = find_depth_checkpoint("owner/name")
    assert place_name(found) == f"owner/name@{found.name}"
    (cache / "models--owner--name").rename(
        cache / "models--depth-anything--Depth-Anything-V2-Small-hf"
    )
    assert find_depth_checkpoint(ANYTHING).name == found.name


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("owner/other", "not on this machine; fetch it: python -m stereo.fetch owner/other"),
        (ANYTHING, f"fetch it: python -m stereo.fetch {ANYTHING}"),
        ("midas_models/gone.pt", "midas_models/gone.pt: no such file"),
        ("midas_models/dpt_large-midas-2f21e586.pt", "DPT-Large"),
        ("no/such/folder", "expected a file, a folder or owner/name"),
        ("nothing", "expected a file, a folder or owner/name"),
    ],
)
def test_what_is_not_there_is_told_in_one_line(cache, given, message):  # noqa: F811
    with pytest.raises((OSError, ValueError), match=message) as caught:
        find_depth_checkpoint(given)
    assert str(caught.value).startswith("depthmodel_path: ")
    assert "\n" not in str(caught.value)


def test_short_names_of_files_name_files_of_this_repository(monkeypatch, tmp_path):
    with pytest.raises(FileNotFoundError, match="python -m stereo.fetch dpt-hybrid"):
        monkeypatch.setattr("stereo.runtime.places.ROOT", tmp_path)
        find_depth_checkpoint("dpt-hybrid")
    file = tmp_path / "midas_models" / "dpt_hybrid-midas-501f0c75.pt"
    file.parent.mkdir()
    file.touch()
    assert find_depth_checkpoint("dpt-hybrid") == file
    assert EMBEDDED.parent == ROOT / "midas_models"


def test_a_folder_has_another_digest_when_a_file_changes(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    before = depth_digest(tmp_path)
    assert depth_digest(tmp_path) == before
    (tmp_path / "config.json").write_text("[]")
    assert depth_digest(tmp_path) != before
