"""Pictures of `original` as the published scripts save them."""

import numpy as np
import torch
from PIL import Image
from torchvision.utils import save_image

from stereo.runs import published_pictures


def test_pictures_are_stretched_over_the_whole_run(tmp_path):
    """As by torchvision's `save_image(normalize=True)` of all pairs in a row."""
    left, right = torch.rand(2, 2, 3, 8, 8, generator=torch.Generator().manual_seed(0)) * 0.8 - 0.3
    unit = [((view + 1) / 2).clamp(0, 1) for view in (left, right)]
    row = torch.cat([unit[eye][k] for k in range(2) for eye in range(2)], dim=2)
    save_image(row, tmp_path / "row.png", normalize=True)
    first, second = published_pictures(left, right, "text")
    ours = np.concatenate([first[0], second[0], first[1], second[1]], axis=1)
    apart = np.abs(ours.astype(int) - np.asarray(Image.open(tmp_path / "row.png")))
    assert ours.min() == 0 and ours.max() == 255
    assert apart.max() <= 1 and (apart > 0).mean() < 0.01
    flat, _ = published_pictures(torch.zeros(1, 3, 8, 8), torch.zeros(1, 3, 8, 8), "depth")
    assert not flat.any(), "nothing to stretch"


def test_photos_are_truncated():
    views = torch.tensor([-2.0, -1.0, 0.0, 0.5, 1.0, 2.0]).expand(1, 3, 1, 6)
    left, right = published_pictures(views, views, "image")
    assert left[0, 0, :, 0].tolist() == right[0, 0, :, 0].tolist() == [0, 0, 127, 191, 255, 255]
