"""True disparity in every format, and what is said about bad files."""

from pathlib import Path

import numpy as np
import pytest

from stereo.evaluation.datasets.truth import read_kitti, read_stored
from tests.stereo.evaluation.conftest import pfm, write_image


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
