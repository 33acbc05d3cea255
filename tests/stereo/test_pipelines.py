"""The three workflows end to end on small random models: what a caller of the package relies on."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from stereo.options import NullTextOptions, SamplingOptions, preset
from stereo.pair import StereoPair
from stereo.pipelines import (
    depth_to_stereo,
    image_to_stereo,
    images_to_stereo,
    text_to_stereo,
)
from stereo.pixels.codec import decode, encode, fit_to_model, tensor_to_images
from stereo.runtime.models import load_model
from tests.stereo.calls import calls_of, evaluations

FEW = SamplingOptions(steps=5, guidance_scale=2.0, seed=3)


@pytest.fixture
def photo() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (80, 100, 3), dtype=np.uint8)


@pytest.fixture
def two_planes() -> np.ndarray:
    near = np.zeros((64, 64), np.float32)
    near[16:48, 24:40] = 1
    return near


@pytest.mark.parametrize("name", ["original", "paper"])
@pytest.mark.parametrize("changes", [{}, {"direction": "bi"}, {"shift_both": True}])
def test_text_gives_pairs_of_the_right_kind(tiny_model, tiny_dpt, name, changes):
    pairs = text_to_stereo(
        tiny_model,
        tiny_dpt,
        "anything",
        options=preset(name, scale_percent=25.0, **changes),
        sampling=SamplingOptions(steps=12, samples=2, height_px=64, width_px=128),
    )
    assert len(pairs) == 2
    for pair in pairs:
        assert pair.left.shape == pair.right.shape == (64, 128, 3)
        assert pair.left.dtype == np.uint8
        assert pair.disparity.shape == pair.valid.shape == (64, 128)
        ends = (pair.disparity.min(), pair.disparity.max())
        # A left view that moved shows its own disparity, without what was hidden or cut off.
        assert 0 <= ends[0] < ends[1] <= 1 if "shift_both" in changes else ends == (0, 1)
        assert (pair.left != pair.right).any()
        assert pair.settings["preset"] == name
        assert pair.settings["prompt"] == "anything"


def test_a_sample_is_the_same_alone_and_in_a_batch(tiny_model, tiny_dpt):
    def run(seed: int, samples: int):
        sampling = SamplingOptions(steps=5, seed=seed, samples=samples)
        return text_to_stereo(tiny_model, tiny_dpt, "x", sampling=sampling)

    second, alone = run(7, 2)[1], run(8, 1)[0]
    assert np.abs(second.left.astype(int) - alone.left).max() <= 1
    assert np.abs(second.right.astype(int) - alone.right).max() <= 1


def test_own_disparity_decides_where_the_shift_lands(tiny_model, tiny_dpt, two_planes):
    options = preset("paper", scale_percent=12.5)
    (pair,) = text_to_stereo(
        tiny_model, tiny_dpt, "x", options=options, sampling=FEW, disparity=two_planes
    )
    holes = ~pair.valid
    # One latent cell of 8 px opens on the right of the near square, nowhere else.
    assert holes[16:48].any()
    assert not holes[:8].any() and not holes[56:].any()
    assert set(np.flatnonzero(holes.any(0))) <= set(range(24, 48))


def test_options_reach_the_result(tiny_model, tiny_dpt, two_planes):
    def right(**changes):
        options = preset("paper", **changes)
        pairs = text_to_stereo(
            tiny_model, tiny_dpt, "x", options=options, sampling=FEW, disparity=two_planes
        )
        return pairs[0].right

    plain = right()
    for changes in (
        {"scale_percent": 25.0},
        {"deblur": False},
        {"masked_denoising": False},
        {"shared_attention": False},
        {"shift_step": 2},
    ):
        assert (plain != right(**changes)).any(), changes


def test_no_shift_gives_two_equal_views(tiny_model, tiny_dpt, two_planes):
    (pair,) = text_to_stereo(
        tiny_model,
        tiny_dpt,
        "x",
        options=preset("paper", scale_percent=0.0),
        sampling=FEW,
        disparity=two_planes,
    )
    assert np.abs(pair.left.astype(int) - pair.right).max() <= 1
    assert pair.valid.all()


@pytest.mark.parametrize("name", ["original", "paper"])
@pytest.mark.parametrize("strength", [1.0, 0.6])
def test_depth_gives_pairs_at_the_image_s_proportions(
    tiny_depth_conditioned, photo, name, strength
):
    sampling = SamplingOptions(steps=12, strength=strength, samples=2)
    pairs = depth_to_stereo(
        tiny_depth_conditioned, photo, "x", options=preset(name), sampling=sampling
    )
    assert len(pairs) == 2
    assert pairs[0].left.shape == (64, 64, 3)


def test_strength_below_one_keeps_some_of_the_image(tiny_depth_conditioned, photo, two_planes):
    """The published code starts from pure noise whatever the strength; `paper` does not."""
    near = np.kron(two_planes, np.ones((2, 2), np.float32))[:80, :100]

    def lefts(name: str):
        other = 255 - photo
        sampling = SamplingOptions(steps=12, strength=0.6)
        return [
            depth_to_stereo(
                tiny_depth_conditioned,
                image,
                "x",
                options=preset(name),
                sampling=sampling,
                disparity=near,
            )[0].left
            for image in (photo, other)
        ]

    same, other = lefts("original")
    assert (same == other).all()
    same, other = lefts("paper")
    assert (same != other).any()


def test_a_photo_gives_a_pair_and_reports_every_stage(tiny_model, tiny_dpt, photo):
    stages = []
    (pair,) = image_to_stereo(
        tiny_model,
        tiny_dpt,
        photo,
        sampling=FEW,
        null_text=NullTextOptions(inner_steps=2),
        on_step=lambda r: stages.append((r.stage, r.step, r.total)),
    )
    assert pair.left.shape == (64, 64, 3)
    assert [stage for stage, step, _ in stages if step == 0] == ["invert", "null-text"]
    assert stages[-1] == ("pair", 4, 5)
    assert not any(p.requires_grad for p in tiny_model.parameters())


@pytest.mark.parametrize("name", ["best", "paper"])
def test_photos_come_out_together_as_they_do_alone(tiny_model, tiny_dpt, two_planes, name):
    draw = np.random.default_rng(5)
    photos = list(draw.integers(0, 256, (3, 64, 64, 3), dtype=np.uint8))
    maps, seeds = [two_planes, two_planes.T.copy(), None], [11, 3, 2**31]
    options = preset(name, inversion="direct", scale_percent=25.0)
    together = images_to_stereo(
        tiny_model,
        tiny_dpt,
        photos,
        seeds,
        options=options,
        sampling=FEW,
        disparities=maps,
    )
    assert len(together) == 3
    for pair, photo, seed, near in zip(together, photos, seeds, maps, strict=True):
        sampling = replace(FEW, seed=seed)
        (alone,) = image_to_stereo(
            tiny_model, tiny_dpt, photo, options=options, sampling=sampling, disparity=near
        )
        assert pair.settings == alone.settings
        for view in ("left", "right", "valid"):
            apart = getattr(pair, view).astype(int) - getattr(alone, view)
            assert np.abs(apart).max() <= 1, view
        assert np.allclose(pair.disparity, alone.disparity, atol=1e-5)
    holes = ~(together[0].valid & together[1].valid)
    assert (together[0].right != together[1].right)[holes].any()


def test_photos_that_cannot_be_worked_on_together(tiny_model, tiny_dpt, photo):
    def refused(message, images, seeds, **changes):
        with pytest.raises(ValueError, match=message):
            images_to_stereo(tiny_model, tiny_dpt, images, seeds, **changes)

    refused(
        "images: got 100x80, 99x80 px, expected photos of one size", [photo, photo[:, 1:]], [1, 2]
    )
    refused("seeds: got 1, expected one for each of 2 photos", [photo, photo], [1])
    refused("seeds: got 0, expected one for each of 0", [], [])
    for options in (preset("paper"), preset("original", inversion="direct")):
        refused("images: got 2, expected 1 with", [photo, photo], [1, 2], options=options)


def test_bad_calls_are_refused_in_one_line(tiny_model, tiny_dpt, photo, two_planes):
    with pytest.raises(ValueError, match="samples: got 2, expected 1"):
        sampling = SamplingOptions(samples=2)
        image_to_stereo(tiny_model, tiny_dpt, photo, sampling=sampling)
    with pytest.raises(ValueError, match="disparity: got 64x64 px, expected the image's 100x80"):
        image_to_stereo(tiny_model, tiny_dpt, photo, disparity=two_planes)
    with pytest.raises(ValueError, match="eta: got 0.5, expected 0 for a photo"):
        image_to_stereo(tiny_model, tiny_dpt, photo, sampling=SamplingOptions(eta=0.5))
    holed = np.where(two_planes > 0, two_planes, np.nan)
    for near, message in (
        (holed, "are NaN or infinite"),
        (np.ones((64, 64), np.float32), "disparity is constant"),
        (two_planes[:32], "disparity is 64x32 px, the image 64x64; expected the same"),
    ):
        with pytest.raises(ValueError, match=message):
            text_to_stereo(tiny_model, tiny_dpt, "x", disparity=near)
    for make, given in ((text_to_stereo, "x"), (image_to_stereo, photo)):
        with pytest.raises(ValueError, match="depth_model: got None without a disparity"):
            make(tiny_model, None, given)
    with pytest.raises(ValueError, match="task: got 'picture', expected one of text, depth"):
        load_model("picture")
    with pytest.raises(ValueError, match="height_px: got 100"):
        SamplingOptions(height_px=100)
    with pytest.raises(ValueError, match="preset: got 'best-ever'"):
        preset("best-ever")
    with pytest.raises(ValueError, match="rounding: got 'up'"):
        preset("paper", rounding="up")
    started = SamplingOptions(steps=5, strength=0.5)
    with pytest.raises(ValueError, match="strength: got 0.5, expected 1 without a picture"):
        text_to_stereo(tiny_model, tiny_dpt, "x", sampling=started)
    with pytest.raises(ValueError, match="strength: got 0.5, expected 1 for a photo"):
        image_to_stereo(tiny_model, tiny_dpt, photo, sampling=started)


def test_half_precision_runs_and_null_text_stays_in_float32(tiny_model, tiny_dpt, photo):
    dtype = next(tiny_model.model.parameters()).dtype
    tiny_model.model.to(torch.bfloat16)
    ran: dict[str, set[torch.dtype]] = {}

    def remember(report):
        ran.setdefault(report.stage, set()).add(tiny_model.model.diffusion_model.dtype)

    null_text = NullTextOptions(inner_steps=1)
    try:
        (pair,) = image_to_stereo(
            tiny_model, tiny_dpt, photo, sampling=FEW, null_text=null_text, on_step=remember
        )
        assert next(tiny_model.model.parameters()).dtype == torch.bfloat16
    finally:
        tiny_model.model.to(dtype)
    assert ran.pop("invert") == ran.pop("null-text") == {torch.float32}
    assert set.union(*ran.values()) == {torch.bfloat16}
    assert pair.right.std() > 0


@pytest.mark.parametrize("workflow", ["text", "depth", "image"])
def test_best_warps_what_the_left_view_shows_and_invents_only_the_rest(
    tiny_model, tiny_depth_conditioned, tiny_dpt, photo, workflow
):
    options = preset("best", metric_disparity=True)
    size = (80, 100) if workflow == "image" else (64, 64)
    steps_px = np.zeros(size, np.float32)
    steps_px[20:50, 30:60] = 6
    pair = {
        "text": lambda: text_to_stereo(
            tiny_model, tiny_dpt, "x", options=options, sampling=FEW, disparity=steps_px
        ),
        "depth": lambda: depth_to_stereo(
            tiny_depth_conditioned,
            photo[:64, :64],
            "x",
            options=options,
            sampling=FEW,
            disparity=steps_px,
        ),
        "image": lambda: image_to_stereo(
            tiny_model, tiny_dpt, photo, options=options, sampling=FEW, disparity=steps_px
        ),
    }[workflow]()[0]
    if workflow == "image":
        assert np.array_equal(pair.left, photo)
    assert pair.right.shape == (*size, 3)
    # The square has moved by 6 px to the left, everything else stays where it is.
    assert np.array_equal(pair.right[22:48, 26:52], pair.left[22:48, 32:58])
    assert np.array_equal(pair.right[55:], pair.left[55:])
    holes = ~pair.valid
    assert holes[20:50, 54:60].all()
    # Beside a hole a pixel that the object's rim has stained is invented, too, and nothing else.
    holes[19:51, 53:61] = False
    assert not holes.any()
    assert pair.right[22:48, 54:60].std() > 0


def test_direct_inversion_gives_the_reconstruction_without_optimising(tiny_model, tiny_dpt, photo):
    options = preset("paper", inversion="direct")
    with calls_of(tiny_model.model.diffusion_model) as calls:
        (pair,) = image_to_stereo(tiny_model, tiny_dpt, photo, options=options, sampling=FEW)
    frame = fit_to_model(tiny_model, photo, FEW, options)
    latents = encode(tiny_model, frame.image(photo))
    expected = tensor_to_images(decode(tiny_model, latents))[0]
    assert np.abs(pair.left.astype(int) - expected).max() <= 1
    # 5 steps up; after the shift, that is for 3 of 5, one for each view.
    assert evaluations(calls) == 5 + 2 * 3


@pytest.mark.parametrize("name", ["original", "paper", "best"])
def test_one_step(tiny_model, tiny_dpt, two_planes, name, caplog):
    def make() -> StereoPair:
        return text_to_stereo(
            tiny_model,
            tiny_dpt,
            "x",
            options=preset(name),
            sampling=SamplingOptions(steps=1),
            disparity=two_planes,
        )[0]

    if name == "best":
        with pytest.raises(ValueError, match="steps: got 1 to run, expected 2 or more"):
            make()
        return
    pair = make()
    assert np.isfinite(pair.right).all()
    equal = "both views are equal" in caplog.text
    assert equal == np.array_equal(pair.left, pair.right)
