"""Metrics against hand values, scikit-image and torchmetrics."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from stereo.evaluation import score
from stereo.evaluation.files import RunFolder, write_image
from stereo.evaluation.geometry import end_point_error, fill_rows, sgbm_disparity, share_off
from stereo.evaluation.infer import PreparedScene
from stereo.evaluation.json_files import read_json, write_json
from stereo.evaluation.lpips import find_backbones, load_lpips
from stereo.evaluation.metrics import psnr, siou, ssim
from stereo.evaluation.score import geometry_metrics, image_metrics

NAN = np.nan


def pair(seed: int, height: int = 48, width: int = 56) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    target = rng.integers(0, 256, (height, width, 3)).astype(float)
    noise = rng.normal(0, rng.uniform(1, 60), target.shape)
    return np.clip(target + noise, 0, 255).astype(np.uint8), target.astype(np.uint8)


@settings(max_examples=15)
@given(st.integers(0, 2**32 - 1))
def test_agrees_with_scikit_image(seed: int) -> None:
    output, target = pair(seed)
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

    output, target = pair(1)
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
    output, target = pair(2)
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


def test_errors_of_disparity_by_hand() -> None:
    target = np.array([[1.0, 2.0, NAN, 10.0]])
    output = np.array([[1.0, 4.0, 5.0, 20.0]])
    assert end_point_error(output, target) == pytest.approx(4)
    assert share_off(output, target) == pytest.approx(1 / 3)
    mask = np.array([[True, True, True, False]])
    assert end_point_error(output, target, mask) == pytest.approx(1)
    assert np.isnan(share_off(output, target, ~np.isfinite(target)))


def test_fill_rows_takes_the_farther_side() -> None:
    disparity = np.array([[NAN, 3, NAN, 1, NAN], [NAN] * 5, [2, NAN, NAN, NAN, 5]], np.float32)
    expected = [[3, 3, 1, 1, 1], [3, 3, 1, 1, 1], [2, 2, 2, 2, 5]]
    np.testing.assert_array_equal(fill_rows(disparity), expected)
    with pytest.raises(ValueError, match="no known pixel"):
        fill_rows(np.full((2, 2), NAN))


@pytest.mark.parametrize("shift", [0, 5, 20])
def test_sgbm_finds_a_plain_shift(shift: int) -> None:
    wide = np.random.default_rng(0).integers(0, 256, (64, 160, 3), dtype=np.uint8)
    left, right = wide[:, :128], wide[:, shift : shift + 128]
    found = sgbm_disparity(left, right, largest_px=24)
    inner = found[8:-8, 32:-8]
    assert np.nanmedian(inner) == shift
    assert np.isfinite(inner).mean() > 0.9


def test_lpips_orders_and_is_zero_on_equal_images(shared_dir: Path) -> None:
    found = find_backbones(shared_dir / "weights")
    lpips = load_lpips("squeeze", found["squeeze"])
    output, target = pair(3, 96, 96)
    assert lpips.distances(target, target, [None]) == [0]
    everywhere = np.ones(output.shape[:2], bool)
    plain, masked = lpips.distances(output, target, [None, everywhere])
    assert plain > 0.01
    assert masked == pytest.approx(plain, rel=0.1)


def test_lpips_agrees_with_torchmetrics(shared_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torchvision
    from torchmetrics.functional.image.lpips import _LPIPS

    backbone = find_backbones(shared_dir / "weights")["squeeze"]
    stored = torch.load(backbone, map_location="cpu", weights_only=True)
    build = torchvision.models.squeezenet1_1

    def local(weights: object = None) -> torch.nn.Module:
        model = build(weights=None)
        model.load_state_dict({key: value.float() for key, value in stored.items()})
        return model

    monkeypatch.setattr(torchvision.models, "squeezenet1_1", local)
    theirs = _LPIPS(pretrained=True, net="squeeze").eval()
    output, target = pair(4, 80, 96)
    x, y = (
        torch.from_numpy(v / 127.5 - 1).float().permute(2, 0, 1)[None] for v in (output, target)
    )
    (ours,) = load_lpips("squeeze", backbone).distances(output, target, [None])
    assert ours == pytest.approx(theirs(x, y).item(), abs=1e-4)


def test_lpips_errors_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="lpips: .* does not exist"):
        find_backbones(tmp_path / "none")
    bad = tmp_path / "squeezenet1_1_x.pth"
    bad.write_bytes(b"nothing")
    assert find_backbones(bad)["squeeze"] == bad
    with pytest.raises(ValueError, match="no torchvision squeezenet1_1 file"):
        load_lpips("squeeze", bad)


def test_metrics_by_visibility_look_where_they_say() -> None:
    rng = np.random.default_rng(0)
    right = rng.integers(0, 200, (48, 64, 3), dtype=np.uint8)
    visible = np.ones((48, 64), bool)
    visible[:, 20:36] = False
    flat = np.zeros((48, 64), np.float32)
    scene = PreparedScene("s", right, right, flat, visible)
    output = right.copy()
    output[:, 24:32] += 50  # wrong in the holes' middle alone
    values = image_metrics(output, scene, [])
    assert values["psnr_visible"] == 100  # stands for no error
    assert values["psnr_occluded"] == pytest.approx(10 * np.log10(255**2 / (50**2 / 2)))
    assert values["psnr"] == pytest.approx(10 * np.log10(255**2 / (50**2 / 8)))
    assert values["ssim_occluded"] < values["ssim"] < values["ssim_visible"]


def test_geometry_by_visibility_looks_where_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """A near square hides some of the wall from the right eye; only that is measured wrongly."""
    truth = np.zeros((32, 64), np.float32)
    truth[:, 30:46] = 8
    hidden = np.zeros_like(truth, bool)
    hidden[:, 22:30] = True  # the wall left of the square, which moves over it
    measured = np.where(hidden, truth + 5, truth)
    monkeypatch.setattr(score, "sgbm_disparity", lambda left, right, *, largest_px: measured)
    grey = np.zeros((32, 64, 3), np.uint8)
    scene = PreparedScene("s", grey, grey, truth, ~hidden, truth=truth)
    values = geometry_metrics(grey, scene)
    assert values["epe_visible"] == 0 and values["epe_occluded"] == 5
    assert values["d3_visible"] == 0 and values["d3_occluded"] == 1
    assert values["epe"] == pytest.approx(5 * hidden.mean())


def test_scores_are_of_the_views_and_networks_that_they_were_made_with(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    place = folder.scene("s")
    grey = np.full((48, 64, 3), 90, np.uint8)
    for path in (
        folder.scene("s", "left.png"),
        folder.scene("s", "right.png"),
        folder.view("m", "s"),
    ):
        write_image(path, grey)
    write_image(folder.scene("s", "visible.png"), grey[..., 0])
    np.save(folder.scene("s", "disparity.npy"), np.zeros((48, 64), np.float32))
    write_json(place, {"group": "g"})
    network = SimpleNamespace(name="squeeze", digest="one", distances=lambda a, b, masks: [0.5] * 3)

    def scored() -> dict[str, float]:
        assert score.score_scene(folder, ["m"], "s", [network]) == 0
        return read_json(folder.score("m", "s"), {})["metrics"]

    assert scored()["lpips_squeeze"] == 0.5
    network.distances = lambda a, b, masks: [0.25] * 3
    assert scored()["lpips_squeeze"] == 0.5, "nothing has changed that it knows of"
    network.digest = "two"
    first = scored()
    assert first["lpips_squeeze"] == 0.25
    write_image(folder.scene("s", "left.png"), 255 - grey)
    network.distances = lambda a, b, masks: [0.125] * 3
    assert scored()["lpips_squeeze"] == 0.125
