"""Plain folders of scenes."""

from pathlib import Path

import numpy as np
import pytest

from tests.stereo.evaluation.conftest import HEIGHT, WIDTH, scenes_of, views, write_image


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
