"""What `original` does as the published scripts do: their loading, feeding, noise and saving.

Expected values come from Pillow, scikit-image, torchvision and the global generator, which those
scripts call; whole runs are held against in tests/scripts/test_whole_runs.py.
"""

from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from skimage.transform import resize
from torch import Tensor

from ldm.models.diffusion.ddim import DDIMSampler
from stereo import pipelines
from stereo.depth.disparity import disparity_of_tensor, predict_disparity
from stereo.depth.parallax import normalise, relative_cells, resize_to_latents
from stereo.method.attention import self_attention_layers, share_attention
from stereo.method.latent_shift import latent_shift
from stereo.method.run import StepReport
from stereo.noise import PublishedNoise
from stereo.options import SamplingOptions, StereoOptions, preset
from stereo.pipelines import depth_to_stereo, image_to_stereo, text_to_stereo
from stereo.pixels.codec import fit_to_model
from tests.stereo.test_wiring import NULL_TEXT, Ramp

ORIGINAL = preset("original")
TWO = SamplingOptions(steps=5, guidance_scale=1, seed=5, samples=2)
ONE = SamplingOptions(steps=5, guidance_scale=1, seed=5)
CPU = torch.device("cpu")


class Begun:
    """Ends a run after its first step, and keeps the number of all."""

    total = 0

    def __call__(self, report: StepReport) -> None:
        self.total = report.total
        raise KeyboardInterrupt


def picture(width: int, height: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize("size", [(451, 300), (300, 451), (130, 100), (64, 64)])
def test_a_photo_is_cut_at_whole_pixels_and_loses_levels(tiny_model, size):
    photo, side = picture(*size), min(size)
    left, top = (size[0] - side) // 2, (size[1] - side) // 2
    square = Image.fromarray(photo[top : top + side, left : left + side]).resize((64, 64))
    expected = (resize(np.array(square), (64, 64)) * 255).astype(np.uint8)
    assert (expected != np.array(square)).any()
    fitted = fit_to_model(tiny_model, photo, SamplingOptions(), ORIGINAL).image(photo)
    assert np.array_equal(fitted, expected)


@pytest.mark.parametrize("size", [(451, 300), (64, 64)])
def test_the_depth_workflow_stretches_its_picture_whole(tiny_depth_conditioned, size):
    image = picture(*size)
    plan = fit_to_model(tiny_depth_conditioned, image, SamplingOptions(), ORIGINAL, "depth")
    expected = np.array(Image.fromarray(image).resize((64, 64)))
    assert np.array_equal(plan.image(image), expected)


@pytest.mark.parametrize("task", ["image", "depth"])
def test_other_presets_and_sizes_keep_proportions_and_levels(tiny_model, task):
    levels = np.arange(256, dtype=np.uint8).repeat(48).reshape(64, 192)[..., None].repeat(3, 2)
    for options in (preset("paper"), preset("best")):
        plan = fit_to_model(tiny_model, levels, SamplingOptions(), options, task)
        assert np.array_equal(plan.image(levels), levels)
    chosen = SamplingOptions(height_px=64, width_px=192)
    plan = fit_to_model(tiny_model, levels, chosen, ORIGINAL, task)
    assert np.array_equal(plan.image(levels), levels)


def test_a_prompt_s_picture_is_clamped_before_depth_is_looked_for():
    pictures = torch.linspace(-2, 2, 64).expand(1, 3, 64, 64)
    for preprocessing, low in (("dpt", -1), ("published", 0)):
        network = Ramp()
        network.net_size_px = 64
        disparity_of_tensor(network, pictures, preprocessing=preprocessing)
        assert (network.fed[0].min(), network.fed[0].max()) == (low, 1)


def test_a_photo_is_divided_twice_before_depth_is_looked_for(tiny_model):
    photo, network = picture(64, 64), Ramp()
    with pytest.raises(KeyboardInterrupt):
        image_to_stereo(tiny_model, network, photo, options=ORIGINAL, sampling=ONE, on_step=Begun())
    lowered = (resize(photo, (64, 64)) * 255).astype(np.uint8)
    expected = torch.from_numpy(lowered / 255 / 255).permute(2, 0, 1)[None].float()
    torch.testing.assert_close(network.fed[0], expected, rtol=1e-6, atol=0)
    as_tensor = torch.from_numpy(lowered).permute(2, 0, 1)[None] / 127.5 - 1
    disparity_of_tensor(network, as_tensor, preprocessing="published-photo")
    torch.testing.assert_close(network.fed[1], expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize("name", ["original", "paper"])
def test_depth_goes_straight_from_the_network_s_size_to_the_latents(
    tiny_depth_conditioned, monkeypatch, name
):
    """The network looks at 32x32 px, the picture has 64x64 and the latents 8x8 cells."""
    seen, conditions = [], pipelines.depth_conditions

    def watch(near, *given):
        seen.append(near)
        return conditions(near, *given)

    monkeypatch.setattr(pipelines, "depth_conditions", watch)
    image, network = picture(64, 64), Ramp()
    depth_to_stereo(
        tiny_depth_conditioned,
        image,
        "x",
        options=preset(name),
        sampling=ONE,
        depth_model=network,
    )
    straight = predict_disparity(network, image, at_network_size=True)
    assert straight.shape == (32, 32)
    expected = normalise(resize_to_latents(torch.from_numpy(straight)[None], (8, 8)))
    assert torch.equal(seen[0], expected)
    assert network.fed[0].min() < -0.9, "normalised, in every preset"


def test_a_depth_network_beside_the_own_one_is_fed_as_the_own_one(tiny_depth_conditioned):
    """The published script asks for one and uses that of the checkpoint."""
    image = picture(100, 80)
    own = tiny_depth_conditioned.depth_model.model
    without, same, other = (
        depth_to_stereo(
            tiny_depth_conditioned, image, "x", options=ORIGINAL, sampling=ONE, depth_model=network
        )[0].left
        for network in (None, own, Ramp())
    )
    assert np.array_equal(without, same)
    assert (without != other).any()


@pytest.mark.parametrize(("name", "total"), [("original", 30), ("paper", 31)])
def test_depth_runs_as_many_steps_as_were_asked_for(tiny_depth_conditioned, name, total):
    """30 steps do not divide 1000, so their schedule has 31."""
    model, sampling = tiny_depth_conditioned, SamplingOptions(steps=30, guidance_scale=1)
    begun = Begun()
    with pytest.raises(KeyboardInterrupt):
        depth_to_stereo(
            model, picture(64, 64), "x", options=preset(name), sampling=sampling, on_step=begun
        )
    assert begun.total == total


def test_draws_come_in_the_published_order():
    """A prompt's run: the start, 3 steps of one view, then steps of both, holes after step 1."""
    shape, noise = (2, 4, 8, 8), PublishedNoise(7, (2, 4, 8, 8), CPU, 0, 4, 1, True)
    torch.manual_seed(7)
    assert torch.equal(noise.start(), torch.randn(shape))
    for step in range(3):
        assert torch.equal(noise.step(step, 1), torch.randn(shape))
    both = (4, *shape[1:])
    assert torch.equal(noise.step(0, 2), torch.randn(both))
    assert torch.equal(noise.step(1, 2), torch.randn(both))
    assert torch.equal(noise.holes(), torch.randn(both)[2:])
    assert torch.equal(noise.step(2, 2), torch.randn(both))


@pytest.mark.gpu
def test_a_gpu_s_noise_is_that_of_its_own_generator():
    device = torch.device("cuda", 0)
    torch.cuda.manual_seed(7)
    noise = PublishedNoise(7, (2, 4, 8, 8), device, 0, 1, 1, False)
    assert torch.equal(noise.start(), torch.randn(2, 4, 8, 8, device=device))


@pytest.mark.parametrize("workflow", ["text", "depth"])
def test_a_seed_gives_the_published_start(
    tiny_model, tiny_depth_conditioned, tiny_dpt, monkeypatch, workflow
):
    """The depth workflow draws from its picture's posterior first, and uses nothing of it."""
    starts, denoise = [], pipelines.denoise_left

    def watch(run, start, **how):
        starts.append(start)
        return denoise(run, start, **how)

    monkeypatch.setattr(pipelines, "denoise_left", watch)
    named = {"options": ORIGINAL, "sampling": TWO}
    if workflow == "text":
        text_to_stereo(tiny_model, tiny_dpt, "x", **named)
    else:
        depth_to_stereo(tiny_depth_conditioned, picture(64, 64), "x", **named)
    torch.manual_seed(TWO.seed)
    if workflow == "depth":
        torch.randn(2, 4, 8, 8)
    assert torch.equal(starts[0], torch.randn(2, 4, 8, 8))


def test_a_photo_s_holes_take_the_first_draw(tiny_model, monkeypatch):
    taken, branch_off = [], pipelines.stereo_pairs

    def watch(work, *given):
        taken.append(work.noise.holes())
        return branch_off(work, *given)

    monkeypatch.setattr(pipelines, "stereo_pairs", watch)
    options = preset("original", deblur=True)
    image_to_stereo(
        tiny_model,
        Ramp(),
        picture(64, 64),
        options=options,
        sampling=ONE,
        null_text=NULL_TEXT,
    )
    torch.manual_seed(ONE.seed)
    assert torch.equal(taken[0], torch.randn(2, 4, 8, 8)[1:])


def shifted_early(direction: str) -> StereoOptions:
    return preset("original", direction=direction, deblur=True, shift_step=2)


def published_text_run(model, near: Tensor, sampling: SamplingOptions, direction: str) -> Tensor:
    """Write out the published notebook's two passes, with noise from the global generator."""
    n, options = sampling.samples, shifted_early(direction)
    context = model.get_learned_conditioning(["x"]).repeat(2 * n, 1, 1)
    sampler = DDIMSampler(model)
    sampler.make_schedule(sampling.steps, ddim_eta=sampling.eta)
    layers = self_attention_layers(model.model.diffusion_model)
    plan = latent_shift(relative_cells(near, (8, 8), options), options)
    torch.manual_seed(sampling.seed)
    start = torch.randn(n, 4, 8, 8)
    for _ in range(sampling.steps):
        torch.randn_like(start)  # the first pass, whose picture only gives the disparity
    views = torch.cat([start, start])
    for step in range(sampling.steps):
        index = sampling.steps - 1 - step
        with share_attention(layers, direction, n) if step >= 2 else nullcontext():
            output = sampler.output(views, context, index)
        views, _ = sampler.update(views, output, index, noise=torch.randn_like(views))
        if step == 2:
            left, right, valid = plan.split(views[:n], None)
            views = torch.cat([left, torch.where(valid, right, torch.randn_like(views)[n:])])
    return views


@pytest.mark.parametrize("direction", ["uni", "bi"])
@pytest.mark.parametrize("eta", [0.0, 0.6])
def test_noise_of_the_steps_and_the_holes_is_the_published_one(tiny_model, direction, eta):
    """With eta both views go their own ways before the shift, and the left one differs by pass."""
    near = np.zeros((64, 64), np.float32)
    near[16:48, 24:40] = 1
    sampling = replace(TWO, eta=eta)
    last = {}
    text_to_stereo(
        tiny_model,
        None,
        "x",
        options=shifted_early(direction),
        sampling=sampling,
        disparity=near,
        on_step=lambda report: last.update({report.stage: report.latents}),
    )
    views = last["pair"] if "pair" in last else torch.cat([last["left"], last["right"]])
    maps = torch.from_numpy(near).expand(2, -1, -1)
    expected = published_text_run(tiny_model, maps, sampling, direction)
    torch.testing.assert_close(views, expected, atol=1e-3, rtol=0)
