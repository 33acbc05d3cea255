"""What `best` puts into holes: guided denoising step by step, and the change that is taken over."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from stereo.method.denoise import LeftBranch
from stereo.method.run import Hooks
from stereo.options import preset
from stereo.pixels import right_view as fused
from stereo.pixels.holes import fill_holes
from stereo.pixels.inpaint import Guide, inpaint
from stereo.pixels.right_view import warp_and_inpaint
from stereo.pixels.warp import warp_with_disparity

TOTAL = 6
ALPHAS = tuple(np.linspace(0.9, 0.1, TOTAL))  # by index, which counts the steps down
ALPHAS_PREV = (0.99, *ALPHAS[:-1])


class FakeRun:
    """A denoiser whose steps can be foretold; remembers what each was given."""

    total = TOTAL
    hooks = Hooks()

    def alpha_before(self, index):
        return ALPHAS[TOTAL - 1 - index]

    def alpha_after(self, index):
        return ALPHAS_PREV[TOTAL - 1 - index]

    def __init__(self) -> None:
        self.given: list[torch.Tensor] = []

    def step(self, latents, index, views):
        assert views == ("right",)
        self.given.append(latents)
        return 0.5 * latents + index, latents + 100 * index


def half_known() -> Guide:
    generator = torch.Generator().manual_seed(0)
    clean, noise = torch.randn(2, 1, 4, 8, 8, generator=generator)
    known = torch.ones(1, 1, 8, 8, dtype=torch.bool)
    known[..., 4:] = False
    return Guide(clean, known, noise)


@pytest.mark.parametrize("renoised", [True, False])
def test_known_cells_follow_what_is_known_and_holes_the_denoiser(renoised):
    run, guide, first = FakeRun(), half_known(), 2
    right, foreseen = inpaint(run, None, guide, first, renoised=renoised)
    assert len(run.given) == TOTAL - first
    torch.testing.assert_close(run.given[0], guide.at(ALPHAS[TOTAL - 1 - first]))
    torch.testing.assert_close(foreseen, run.given[0] + 100 * first)
    for index, (given, after) in enumerate(
        zip(run.given, [*run.given[1:], right], strict=True), start=first
    ):
        stepped = 0.5 * given + index
        torch.testing.assert_close(after[..., 4:], stepped[..., 4:])
        level = ALPHAS_PREV[TOTAL - 1 - index]
        kept = guide.at(level) if renoised else stepped
        torch.testing.assert_close(after[..., :4], kept[..., :4])


def test_guidance_is_the_known_picture_at_a_noise_level():
    guide = half_known()
    torch.testing.assert_close(guide.at(1.0), guide.clean)
    torch.testing.assert_close(guide.at(0.0), guide.noise)
    torch.testing.assert_close(guide.at(0.36), 0.6 * guide.clean + 0.8 * guide.noise)


@pytest.mark.parametrize(("weighed", "levels"), [(False, 20), (True, 5)])
def test_holes_change_as_the_decoded_latents_do(monkeypatch, weighed, levels):
    """By as much as decoding differs, and weighed by a quarter of that where trust is 1/4."""
    picture = np.random.default_rng(0).integers(60, 180, (64, 64, 3), dtype=np.uint8)
    disparity_px = np.zeros((64, 64), np.float32)
    disparity_px[16:48, 30:46] = 8
    zeros = torch.zeros(1, 4, 8, 8)
    branch = LeftBranch(zeros, [zeros] * TOTAL)

    def decode(model, latents):
        return latents.mean((1, 2, 3))[:, None, None, None].expand(-1, 3, 64, 64) * 20 / 127.5

    monkeypatch.setattr(fused, "encode", lambda model, image: zeros)
    monkeypatch.setattr(fused, "decode", decode)
    monkeypatch.setattr(fused, "inpaint", lambda *args, **how: (zeros + 1, zeros))
    monkeypatch.setattr(fused, "trust", lambda foreseen, guide: torch.full((1, 1, 1, 1), 0.25))
    options = preset("best", weighed_holes=weighed)
    model = SimpleNamespace(downsample_factor=8)
    (right,), (valid,) = warp_and_inpaint(
        model,
        FakeRun(),
        picture[None],
        disparity_px[None],
        zeros,
        branch,
        options=options,
        noise=zeros,
    )
    warped, landed, own_px = warp_with_disparity(picture, disparity_px)
    filled, kept = fill_holes(warped, landed, own_px)
    assert (~landed).any() and np.array_equal(valid, kept)
    assert np.array_equal(right[valid], warped[valid])
    assert np.array_equal(right[~valid], filled[~valid] + levels)
