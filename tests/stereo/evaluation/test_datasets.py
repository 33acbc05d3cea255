"""Loaders on small folders in every layout, and what they say about bad files."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stereo.evaluation.datasets.listing import DataSettings, list_scenes
from stereo.evaluation.datasets.scene import SceneSource
from stereo.evaluation.datasets.truth import read_kitti, read_stored
from stereo.evaluation.protocol import Protocol, fit_scene
from tests.stereo.evaluation.conftest import HEIGHT, WIDTH, pfm, views, write_image


def scenes_of(kind: str, *root: Path, **settings: Any) -> list[SceneSource]:
    return list_scenes(DataSettings(kind, list(root), **settings))


def test_middlebury(middlebury: Path) -> None:
    sources = scenes_of("middlebury2014", middlebury)
    assert [source.name for source in sources] == ["Bike-perfect", "Chair-perfect"]
    scene = sources[0].load()
    left, right = views(0)
    np.testing.assert_array_equal(scene.left, left)
    np.testing.assert_array_equal(scene.right, right)
    assert np.isnan(scene.disparity[0, 0]) and scene.disparity[-1, -1] == 7.5
    assert np.isfinite(scene.disparity).sum() == HEIGHT * WIDTH - 1


def test_kitti(kitti: Path) -> None:
    for root in (kitti, kitti / "training"):
        sources = scenes_of("kitti2015", root)
        assert [source.name for source in sources] == ["000000_10", "000001_10"]
    scene = sources[0].load()
    assert scene.disparity[0, 0] == 6.5 and np.isnan(scene.disparity[0, 1])
    assert scene.square
    fitted = fit_scene(scene, Protocol(size_px=144))
    assert fitted.left.shape == (144, 144, 3)
    assert np.nanmax(fitted.disparity) == pytest.approx(6.5 * 2)


def test_kitti_2012_has_other_folders(kitti: Path) -> None:
    training = kitti / "training"
    for new, old in (
        ("colored_0", "image_2"),
        ("colored_1", "image_3"),
        ("disp_occ", "disp_occ_0"),
    ):
        (training / old).rename(training / new)
    source, _ = scenes_of("kitti2012", kitti)
    scene = source.load()
    np.testing.assert_array_equal(scene.right, views(0)[1])
    assert source.group == "KITTI 2012" and scene.disparity[0, 0] == 6.5 and scene.square


@pytest.mark.parametrize("order", ["<", ">"])
def test_pfm_byte_orders(tmp_path: Path, order: str) -> None:
    values = np.random.default_rng(0).uniform(1, 90, (5, 7)).astype(np.float32)
    path = tmp_path / "a.pfm"
    path.write_bytes(pfm(values, order=order, scale=-1.0 if order == "<" else 1.0))
    np.testing.assert_array_equal(read_stored(path), values)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (pfm(np.full((5, 7), 20.0), order=">", scale=-1.0), "other byte order"),
        (pfm(np.full((5, 7), 20.0), order="<", scale=1.0), "other byte order"),
        (pfm(np.ones((5, 7)))[:-3], "truncated or too long: 137 bytes of pixels, expected 140"),
        (b"Pf\n5", "no PFM header"),
        (b"PF\n1 1\n-1\n" + bytes(12), "expected a grey PFM"),
    ],
)
def test_bad_pfm(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "a.pfm"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message) as caught:
        read_stored(path)
    assert "\n" not in str(caught.value) and "a.pfm" in str(caught.value)


def test_kitti_in_eight_bits_is_refused(tmp_path: Path) -> None:
    write_image(tmp_path / "d.png", np.ones((4, 4), np.uint8))
    with pytest.raises(ValueError, match="8-bit picture .* expected KITTI's 16-bit"):
        read_kitti(tmp_path / "d.png")


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


@pytest.mark.parametrize("flat", [True, False])
@pytest.mark.parametrize("ending", ["png", "PNG"])
def test_plain_folder(tmp_path: Path, flat: bool, ending: str) -> None:
    left, right = views(1)
    for name, image in (("left", left), ("right", right)):
        write_image(tmp_path / (f"{name}/cat.{ending}" if flat else f"cat/{name}.{ending}"), image)
    place = tmp_path / ("disparity/cat.npy" if flat else "cat/disparity.npy")
    place.parent.mkdir(exist_ok=True)
    np.save(place, np.full((HEIGHT, WIDTH), 6, np.float32))
    (source,) = scenes_of("folder", tmp_path)
    scene = source.load()
    assert source.name == "cat" and (scene.disparity == 6).all()
    np.testing.assert_array_equal(scene.right, right)


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


def test_sizes_that_differ(middlebury: Path) -> None:
    write_image(middlebury / "Bike-perfect" / "im1.png", np.zeros((8, 9, 3), np.uint8))
    with pytest.raises(ValueError, match="right: got 9x8 px in scene Bike-perfect, .* 96x72"):
        scenes_of("middlebury2014", middlebury)[0].load()


def test_shapes_are_the_held_out_scenes_with_exact_truth() -> None:
    sources = scenes_of("shapes", count=2, render_px=64)
    assert len(scenes_of("shapes")) == 24
    scene = sources[1].load()
    assert scene.left.shape == (64, 64, 3) and scene.prompt
    assert np.isfinite(scene.disparity).all() and 0.5 < scene.visible.mean() < 1


def test_real_manifest_reads(shared_dir: Path) -> None:
    sources = scenes_of("manifest", shared_dir / "data" / "manifest.json")
    assert len(sources) == 16
    by_name = {source.name: source for source in sources}
    motorcycle = by_name["mid2014_motorcycle"].load()
    assert np.nanmax(motorcycle.disparity) == pytest.approx(62.88, abs=0.01)
    assert by_name["kitti2015_000000"].load().square
