"""A pair tells in one line what it is, shows itself in notebooks, and saves itself."""

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stereo import StereoPair, save_pair
from stereo.formats import load


@pytest.fixture
def pair() -> StereoPair:
    view = np.random.default_rng(0).integers(0, 256, (600, 900, 3), dtype=np.uint8)
    settings = {"task": "image", "preset": "best", "scale_percent": 4.0807858, "seed": 7}
    flat, valid = np.zeros((600, 900), np.float32), np.ones((600, 900), bool)
    return StereoPair(view, view[:, ::-1].copy(), flat, valid, settings)


def test_one_line(pair: StereoPair) -> None:
    assert repr(pair) == "StereoPair(900x600 px, image, by best, shift 4.08, seed 7)"
    bare = StereoPair(pair.left, pair.right, pair.disparity, pair.valid)
    assert repr(bare) == "StereoPair(900x600 px)"


def test_notebooks_show_both_views_side_by_side(pair: StereoPair) -> None:
    shown = Image.open(BytesIO(pair._repr_png_()))
    assert shown.format == "PNG" and shown.size == (1024, 341)
    whole = Image.fromarray(np.hstack([pair.left, pair.right]))
    whole.thumbnail((1024, 1024))
    np.testing.assert_array_equal(np.asarray(shown), np.asarray(whole))


def test_saves_itself_as_save_pair_does(pair: StereoPair, tmp_path: Path) -> None:
    mine = pair.save(tmp_path / "mine", prefix="a_", formats=["cross", "mask"])
    theirs = save_pair(pair, tmp_path / "theirs", prefix="a_", formats=["cross", "mask"])
    assert [path.name for path in mine] == [path.name for path in theirs]
    np.testing.assert_array_equal(load(mine[0]).right, pair.right)
    assert len(pair.save(tmp_path / "usual")) == 6
