"""LPIPS on local weights."""

from pathlib import Path

import numpy as np
import pytest
import torch

from stereo.evaluation.lpips import find_backbones, load_lpips
from tests.stereo.evaluation.conftest import noisy_pair


def test_lpips_orders_and_is_zero_on_equal_images(shared_dir: Path) -> None:
    found = find_backbones(shared_dir / "weights")
    lpips = load_lpips("squeeze", found["squeeze"])
    output, target = noisy_pair(3, 96, 96)
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
    output, target = noisy_pair(4, 80, 96)
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
