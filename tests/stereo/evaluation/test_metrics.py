"""Image metrics against hand values, scikit-image and torchmetrics."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from stereo.evaluation.metrics import psnr, siou, ssim
from tests.stereo.evaluation.conftest import noisy_pair


@settings(max_examples=15)
@given(st.integers(0, 2**32 - 1))
def test_agrees_with_scikit_image(seed: int) -> None:
    output, target = noisy_pair(seed)
    theirs = structural_similarity(
        output,
        target,
        channel_axis=2,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        data_range=255,
    )
    assert ssim(output, target) == pytest.approx(theirs, abs=1e-6)
    theirs = peak_signal_noise_ratio(target, output, data_range=255)
    assert psnr(output, target) == pytest.approx(theirs, abs=1e-9)


def test_agrees_with_torchmetrics() -> None:
    from torchmetrics.functional.image import (
        peak_signal_noise_ratio,
        structural_similarity_index_measure,
    )

    output, target = noisy_pair(1)
    x, y = (torch.from_numpy(v / 255).permute(2, 0, 1)[None] for v in (output, target))
    theirs = structural_similarity_index_measure(x, y, data_range=1.0)
    assert ssim(output, target) == pytest.approx(theirs.item(), abs=1e-4)
    theirs = peak_signal_noise_ratio(x, y, data_range=1.0)
    assert psnr(output, target) == pytest.approx(theirs.item(), abs=1e-4)


def test_psnr_by_hand_and_masked() -> None:
    target = np.zeros((2, 2, 3), np.uint8)
    output = target.copy()
    output[0, 0] = 255
    assert psnr(output, target) == pytest.approx(10 * np.log10(4))
    first = np.array([[True, False], [False, False]])
    assert psnr(output, target, first) == 0
    assert psnr(output, target, ~first) == 100
    assert np.isnan(psnr(output, target, np.zeros((2, 2), bool)))


def test_ssim_counts_only_the_mask() -> None:
    output, target = noisy_pair(2)
    half = np.zeros(output.shape[:2], bool)
    half[:, :20] = True
    output[:, 30:] = target[:, 30:]
    right = np.zeros_like(half)
    right[:, 40:] = True
    assert ssim(output, target, right) == pytest.approx(1)
    assert ssim(output, target, half) < 0.95
    both = ssim(output, target, half | right)
    assert ssim(output, target, half) < both < 1


def test_siou_by_hand() -> None:
    left = np.zeros((32, 32, 3), np.uint8)
    target, far = left.copy(), left.copy()
    target[8:24, 4:12] = 255
    far[8:24, 20:28] = 255
    assert siou(target, target, left=left) == 1
    assert siou(far, target, left=left) == 0
    # Same edges as nothing at all, everything moved the same way.
    assert siou(left, left, left=left) == 1


def test_siou_sees_what_moved_channel_by_channel_and_either_way() -> None:
    left = np.full((32, 32, 3), 100, np.uint8)
    swapped, darker = left.copy(), left.copy()
    swapped[:16] += np.array([30, 0, 0], np.uint8)
    swapped[:16] -= np.array([0, 15, 0], np.uint8)  # about as bright, so no edge is found
    darker[:16] -= 3
    # One sees half of the picture moved, the other nothing: the quarter for that is lost.
    assert siou(swapped, left, left=left) == pytest.approx(0.75)
    assert siou(darker, left, left=left) == 1
    assert siou(left, swapped, left=left) == pytest.approx(0.75)
