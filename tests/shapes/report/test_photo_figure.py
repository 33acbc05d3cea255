"""The photo workflow against the truth."""

import numpy as np
import pytest

from shapes.report.photo_figure import converge, draw_trials, photo_lines
from stereo.evaluation.metrics import PSNR_LIMIT_DB, psnr


def test_psnr_by_hand():
    black = np.zeros((4, 4, 3), np.uint8)
    assert psnr(black, black + 255) == pytest.approx(0)
    assert psnr(black, black + 1) == pytest.approx(48.1308, abs=1e-3)
    assert psnr(black, black) == PSNR_LIMIT_DB


def test_trials_are_true_and_copying_is_not():
    trial = draw_trials(1, size_px=64)[0]
    assert trial.psnr(trial.right) == PSNR_LIMIT_DB
    assert trial.psnr(trial.left) < 30
    assert 2 < trial.scale_percent < 12


def test_converging_brings_the_farthest_plane_to_zero_parallax():
    left = np.random.default_rng(0).integers(0, 256, (4, 32, 3), np.uint8)
    right = np.roll(left, -3, axis=1)  # a plane at 3 px
    trial = converge(left, right, np.full((4, 32), 3.0) + np.eye(4, 32) * 5)
    assert trial.converged_px == 3
    assert trial.psnr(left) == PSNR_LIMIT_DB
    assert trial.scale_percent == pytest.approx(100 * 5 / 32)


def test_photo_lines_compare_scene_by_scene():
    above_copy, above_plain = photo_lines([20.0, 22.0], [14.0, 16.0], [21.0, 22.5])
    assert above_copy.value == pytest.approx(6) and above_copy.is_met
    assert above_plain.value == pytest.approx(-0.75) and not above_plain.is_met
    assert "better in 0 of 2" in above_plain.note
    assert not photo_lines([20.0], [14.0], [20.0])[1].is_met
