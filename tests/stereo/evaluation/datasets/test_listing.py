"""Which scenes a run's data settings name."""

import json
from pathlib import Path

import pytest

from tests.stereo.evaluation.conftest import scenes_of


def test_several_lists_are_narrowed_and_grouped(tmp_path: Path) -> None:
    lists = {"one.json": ["mid2014_a", "other"], "two.json": ["sub/mid2014_b", "kitti2015_c"]}
    for name, scenes in lists.items():
        entries = [{"name": scene, "left": "l.png", "dataset": "D"} for scene in scenes]
        (tmp_path / name).write_text(json.dumps(entries))
    roots = [tmp_path / name for name in lists]
    told = {"only": ["mid2014", "kitti"], "groups": {"Middlebury 2014": ["mid2014"]}}
    found = [(scene.name, scene.group) for scene in scenes_of("manifest", *roots, **told)]
    middlebury = [("mid2014_a", "Middlebury 2014"), ("sub_mid2014_b", "Middlebury 2014")]
    assert found == [*middlebury, ("kitti2015_c", "D")]
    first = scenes_of("manifest", *roots, count=2, **told)
    assert [(scene.name, scene.group) for scene in first] == middlebury


@pytest.mark.parametrize("kind", ["middlebury2014", "kitti2015", "kitti2012", "folder"])
def test_missing_and_empty_data(tmp_path: Path, kind: str) -> None:
    with pytest.raises(FileNotFoundError, match="data: no folder .*expected") as caught:
        scenes_of(kind, tmp_path / "none")
    assert kind == "folder" or kind[-4:] in str(caught.value)
    with pytest.raises(ValueError, match="data: no scene in .*expected"):
        scenes_of(kind, tmp_path)


def test_unknown_kind_and_missing_root() -> None:
    with pytest.raises(ValueError, match="kind: got 'coco', expected one of"):
        scenes_of("coco")
    with pytest.raises(ValueError, match="needs a folder"):
        scenes_of("manifest")
