"""JSON lists of scenes, good and bad ones."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.stereo.evaluation.conftest import HEIGHT, WIDTH, scenes_of, views, write_image


def test_manifest(tmp_path: Path) -> None:
    left, right = views(0)
    write_image(tmp_path / "a" / "l.png", left)
    write_image(tmp_path / "a" / "r.png", right)
    stored = np.full((HEIGHT, WIDTH), 24, np.uint8)
    stored[3] = 0
    write_image(tmp_path / "a" / "d.png", stored)
    entry = {"name": "a/x", "left": "a/l.png", "dataset": "D", "family": "kitti"}
    full = {"right": "a/r.png", "disparity": "a/d.png", "disparity_scale": 4, "invalid": 0}
    path = tmp_path / "m.json"
    path.write_text(json.dumps([{**entry, **full}, {**entry, "name": "b", "disparity": None}]))
    first, second = scenes_of("manifest", path)
    assert (first.name, first.group) == ("a_x", "D")
    scene = first.load()
    assert scene.square and scene.disparity[0, 0] == 6 and np.isnan(scene.disparity[3]).all()
    assert second.load().right is None and second.load().disparity is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", "no scene in .*m.json"),
        ("{", "is no JSON"),
        ("[" * 100_000, "is no JSON"),
        ("null", "is no list of scenes"),
        ('{"name": "a", "left": "l"}', "is no list of scenes"),
        ('[["name", "left"]]', "is no list of scenes"),
        ('[{"name": "a", "left": "l", "invalid": "x"}]', "invalid: got 'x', expected a number"),
        ('[{"name": "a"}]', "expected 'name' and 'left'"),
        ('[{"name": 1, "left": "l"}]', "name: got 1, expected text"),
        ('[{"name": "a", "left": null}]', "left: got None, expected text"),
        (
            '[{"name": "a", "left": "l", "disparity_scale": null}]',
            "disparity_scale: got None, expected a number",
        ),
        ('[{"name": "a", "left": "l"}, {"name": "a", "left": "l"}]', "scene a more than once"),
    ],
)
def test_bad_manifest(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "m.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        scenes_of("manifest", path)


def test_real_manifest_reads(shared_dir: Path) -> None:
    sources = scenes_of("manifest", shared_dir / "data" / "manifest.json")
    assert len(sources) == 16
    by_name = {source.name: source for source in sources}
    motorcycle = by_name["mid2014_motorcycle"].load()
    assert np.nanmax(motorcycle.disparity) == pytest.approx(62.88, abs=0.01)
    assert by_name["kitti2015_000000"].load().square
