"""From a map to the latents' offsets, against the published code's numbers."""

import pytest
import torch

from stereo.depth.parallax import relative_cells
from stereo.method.latent_shift import latent_shift
from stereo.options import preset


@pytest.mark.parametrize("index", range(18))
def test_original_equals_the_published_shift_exactly(golden, index):
    case = golden("g08_stereo_shift")
    name = f"c{index:02d}"
    config = next(c for c in case["config"]["cases"] if c["case"] == name)
    view, depth, expected = (case[f"{name}_{part}"] for part in ("input", "depth", "output"))
    options = preset(
        "original",
        scale_percent=float(config["sacle_factor"]),
        shift_both=config["shift_both"],
    )
    cells = relative_cells(depth.float(), view.shape[-2:], options)
    plan = latent_shift(cells, options)
    left, right, _ = plan.split(view, None)
    assert torch.equal(torch.cat([left, right]), expected)
