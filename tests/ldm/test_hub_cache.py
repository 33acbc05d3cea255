"""Models in the hub's cache are found by their id, and no other name is an id."""

from pathlib import Path

import pytest

from ldm.hub_cache import find_in_hub_cache

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    repository = tmp_path / "models--owner--name"
    snapshot = repository / "snapshots" / COMMIT
    snapshot.mkdir(parents=True)
    (snapshot / "config.json").write_text('{"model_type": "dpt"}')
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(COMMIT)
    return tmp_path


def test_the_newest_and_a_named_revision_are_found(cache):
    assert find_in_hub_cache("owner/name").name == COMMIT
    assert find_in_hub_cache(f"owner/name@{COMMIT}").name == COMMIT


@pytest.mark.parametrize("name", ["owner/other", "owner/name@v2", f"owner/name@{'f' * 40}"])
def test_what_is_not_there_is_none(cache, name):
    assert find_in_hub_cache(name) is None


@pytest.mark.parametrize(
    "name",
    ["", "name", "owner/name/x", "/owner/name", "../name", "owner/..", "owner/name@../x", "a b/c"]
    + ["owner/name@", "owner/name\n", "https://host/owner/name", "owner/na..me"],
)
def test_paths_and_other_words_are_no_ids(cache, name):
    with pytest.raises(ValueError, match="expected a file, a folder or owner/name"):
        find_in_hub_cache(name)
