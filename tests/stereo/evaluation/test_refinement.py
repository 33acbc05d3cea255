"""The measurement of refined maps: it sees edges that are there, and writes one table."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from stereo.evaluation import refinement
from stereo.evaluation.datasets.manifest import list_manifest
from stereo.evaluation.refinement import edges, figures_of, measure, share_near
from stereo.pixels.holes import stretch_background
from stereo.pixels.warp import warp_right
from tests.stereo.depth.test_refine import scene


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    """Write one scene with an exact truth."""
    left, true = scene()
    right = stretch_background(*warp_right(left, true))
    Image.fromarray(left).save(tmp_path / "left.png")
    Image.fromarray(right).save(tmp_path / "right.png")
    np.save(tmp_path / "true.npy", true)
    entry = {"name": "disc", "left": "left.png", "right": "right.png", "disparity": "true.npy"}
    path = tmp_path / "scenes.json"
    path.write_text(json.dumps([{**entry, "dataset": "Made"}]))
    return path


def test_edges_are_compared_within_two_pixels():
    line, moved = np.zeros((2, 40, 40), bool)
    line[:, 10], moved[:, 12] = True, True
    assert share_near(line, moved) == 1
    assert share_near(line, np.roll(moved, 1, axis=1)) == 0
    assert np.isnan(share_near(np.zeros_like(line), line))


def test_the_truth_itself_is_found_whole(manifest):
    (made,) = [source.load() for source in list_manifest(manifest)]
    assert measure(made, made.disparity, None, 0.0)[:2] == [100, 100]
    assert edges(made.disparity, made.disparity).sum() > 300


def test_a_soft_map_gains_by_being_refined(manifest):
    (made,) = [source.load() for source in list_manifest(manifest)]

    def soft(image: np.ndarray) -> np.ndarray:
        return cv2.GaussianBlur(made.disparity, (0, 0), 4)

    found = figures_of([made], soft, None, 0.2)
    before, after = found["predicted", False], found["predicted", True]
    assert after[0] >= before[0] and after[2] > before[2]


def test_the_command_writes_its_table_between_the_markers(manifest, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(refinement, "find_backbones", lambda path: {})
    document = tmp_path / "results.md"
    begin, end = "<!-- run: refinement-0.2 -->\n", "<!-- end: refinement-0.2 -->"
    document.write_text(f"before\n{begin}old\n{end}\nafter\n")
    arguments = ["--data", str(manifest), "--group", "Made", "--into", str(document)]
    assert refinement.main([*arguments, "--edge_dilation", "0.2"]) == 0
    text = document.read_text()
    assert text.startswith(f"before\n{begin}1 Made pairs") and text.endswith(f"{end}\nafter\n")
    assert "| predicted | yes | " in text and "old" not in text
    with pytest.raises(ValueError, match="group: no scene of 'Other'"):
        refinement.main(["--data", str(manifest), "--group", "Other"])
