"""Stereo denoising against whole runs of the published code, and its own invariants."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from ldm.models.diffusion.ddim import DDIMSampler
from stereo.depth.parallax import relative_cells
from stereo.method.conditioning import Conditioning, depth_conditions
from stereo.method.denoise import denoise_joint, denoise_left, denoise_right
from stereo.method.latent_shift import latent_shift
from stereo.method.run import Hooks, Run, StepReport
from stereo.method.schedule import shift_schedule
from stereo.noise import SampleNoise
from stereo.options import StereoOptions, preset
from tests.golden.models import filled_model
from tests.stereo.calls import calls_of, evaluations

# Tolerances of the golden README; eps cases run at seven times the latents' magnitude.
V_TOLERANCE, EPS_TOLERANCE = 1e-3, 5e-3


def build_run(stored: dict, on_step=None) -> Run:
    """Build the golden case's model, filled with its weights, its schedule and its prompts."""
    config = stored["config"]
    model = filled_model(config["model"]).requires_grad_(False)
    sampler = DDIMSampler(model)
    sampler.make_schedule(config["S"], ddim_eta=config["eta"])
    depth = None
    if "c_concat" in stored:
        depth = {view: stored["c_concat"] for view in ("trunk", "left", "right")}
    conditioning = Conditioning(stored["cond"], stored["uncond"], config["scale"], depth)
    noise = SampleNoise(range(len(stored["x_T"])), stored["x_T"].shape[1:])
    hooks = Hooks(on_step, noise.step)
    return Run(sampler, conditioning, config["t_enc"] or config["S"], hooks)


def original_options(config: dict) -> StereoOptions:
    return preset(
        "original",
        direction=config["direction"],
        shift_both=config["shift_both"],
        deblur=config["deblur"],
    )


def assert_step(stored: dict, key: str, actual: Tensor, tolerance: float) -> None:
    rows = actual[:, :, :: stored["config"]["row_stride"]]
    torch.testing.assert_close(rows, stored[key], atol=tolerance, rtol=0)


CASES = {
    "g10_v_uni": V_TOLERANCE,
    "g10_v_bi": V_TOLERANCE,
    "g10_v_uni_deblur": V_TOLERANCE,
    "g10_eps_uni_both": EPS_TOLERANCE,
    "g10_eps_uni_n2": EPS_TOLERANCE,
    "g10_depth_uni": EPS_TOLERANCE,
}


@pytest.mark.long
@pytest.mark.parametrize("case", CASES)
def test_original_equals_the_published_run(golden, case):
    stored, tolerance = golden(case), CASES[case]
    options = original_options(stored["config"])
    seen: dict[tuple[str, int], Tensor] = {}
    run = build_run(stored, lambda r: seen.update({(r.stage, r.step): r.latents}))
    samples = stored["config"]["n_samples"]
    near = stored["c_concat"].squeeze(1) if "c_concat" in stored else stored["disparity"]
    plan = latent_shift(relative_cells(near, stored["x_T"].shape[-2:], options), options)
    steps = shift_schedule(run.total, options)
    noise = stored["deblur_noise"][samples:] if options.deblur else None

    whole = "samples1" in stored
    branch = denoise_left(run, stored["x_T"], stop=None if whole else steps.shift + 1)
    if whole:
        assert_step(stored, "samples1", branch.final, tolerance)
    both = torch.cat([branch.latents[9], branch.latents[9]])
    assert_step(stored, "step09", both, tolerance)
    left, right, valid = plan.split(branch.latents[steps.shift], noise)
    assert torch.equal(valid.squeeze(1), stored["mask"])
    assert_step(stored, "step10", torch.cat([left, right]), tolerance)

    left, right, _ = denoise_joint(run, branch.latents[steps.shift], plan, steps, noise, options)
    for step in (11, 20, 21):
        assert_step(stored, f"step{step}", seen["pair", step], tolerance)
    assert_step(stored, "samples2", torch.cat([left, right]), tolerance)


@pytest.mark.slow
def test_replaying_a_finished_left_branch_equals_the_published_run(golden):
    """The exact schedule: 50 + 39 evaluations per guidance branch where the published has 150."""
    stored = golden("g10_v_uni_deblur")
    options = original_options(stored["config"])
    run = build_run(stored)
    steps = shift_schedule(run.total, options)
    plan = latent_shift(
        relative_cells(stored["disparity"], stored["x_T"].shape[-2:], options), options
    )
    with calls_of(run.sampler.model.model) as calls:
        branch = denoise_left(run, stored["x_T"], record_after=steps.shift)
        right, valid = denoise_right(run, branch, plan, steps, stored["deblur_noise"][1:])
    assert_step(stored, "samples2", torch.cat([branch.final, right]), V_TOLERANCE)
    assert torch.equal(valid.squeeze(1), stored["mask"])
    assert evaluations(calls) == 2 * (50 + 39)


def small_run(golden, *, steps: int = 10, eta: float = 0.0) -> tuple[Run, dict]:
    stored = golden("g06_ddim_v")
    config = {**stored["config"], "S": steps, "eta": eta, "t_enc": None}
    return build_run({**stored, "config": config}), stored


@pytest.mark.parametrize("direction", ["uni", "bi"])
@pytest.mark.parametrize("eta", [0.0, 0.7])
def test_joint_and_replayed_runs_agree_and_uni_leaves_the_left_view_alone(golden, direction, eta):
    run, stored = small_run(golden, eta=eta)
    options = preset("paper", direction=direction)
    near = torch.rand(2, 16, 16, generator=torch.Generator().manual_seed(0))
    plan = latent_shift(relative_cells(near, (16, 16), options), options)
    steps = shift_schedule(10, options)
    noise = torch.randn(2, 4, 16, 16, generator=torch.Generator().manual_seed(1))
    branch = denoise_left(run, stored["x_T"], record_after=steps.shift)
    trunk = branch.latents[steps.shift]
    left, right, _ = denoise_joint(run, trunk, plan, steps, noise, options)
    if direction == "bi":
        assert (left - branch.final).abs().max() > 1e-3
        return
    alone, _ = denoise_right(run, branch, plan, steps, noise)
    torch.testing.assert_close(left, branch.final, atol=1e-4, rtol=0)
    torch.testing.assert_close(right, alone, atol=1e-4, rtol=0)


def test_no_disparity_gives_two_equal_views(golden):
    run, stored = small_run(golden)
    options = preset("paper")
    plan, steps = latent_shift(torch.zeros(2, 16, 16), options), shift_schedule(10, options)
    branch = denoise_left(run, stored["x_T"], record_after=steps.shift)
    right, valid = denoise_right(run, branch, plan, steps, None)
    assert valid.all()
    torch.testing.assert_close(right, branch.final, atol=1e-4, rtol=0)


def test_a_second_run_of_the_same_objects_gives_the_same_result(golden):
    run, stored = small_run(golden)
    first, second = (denoise_left(run, stored["x_T"]).final for _ in range(2))
    assert torch.equal(first, second)


def test_steps_of_fifty_are_the_published_ones_and_others_keep_the_fifths():
    assert shift_schedule(50, preset("original")).refresh == {20, 30, 40}
    assert shift_schedule(50, preset("paper")) == replace(shift_schedule(50, preset("original")))
    twenty = shift_schedule(20, preset("paper"))
    assert (twenty.shift, twenty.refresh) == (4, {8, 12, 16})
    assert shift_schedule(2, preset("paper")).shift < 2
    assert not shift_schedule(50, preset("paper", masked_denoising=False)).refresh


def test_raising_in_the_progress_hook_cancels(golden):
    run, stored = small_run(golden)
    seen = []

    def hook(report: StepReport) -> None:
        seen.append((report.stage, report.step, report.total))
        if report.step == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        denoise_left(replace(run, hooks=Hooks(hook)), stored["x_T"], record_after=0)
    assert seen == [("left", 0, 10), ("left", 1, 10), ("left", 2, 10)]
    assert "forward" not in vars(
        next(m for m in run.sampler.model.model.modules() if hasattr(m, "to_q"))
    )


def test_each_view_is_shown_its_own_depth():
    near = torch.zeros(1, 4, 16)
    near[..., 8:12] = 1
    options = preset("paper", scale_percent=25.0)
    plan = latent_shift(relative_cells(near, (4, 16), options), options)
    maps = depth_conditions(near, plan, options)
    assert maps["left"][0, 0, 0].tolist() == [1 if 8 <= x < 12 else -1 for x in range(16)]
    assert maps["right"][0, 0, 0].tolist() == [1 if 4 <= x < 8 else -1 for x in range(16)]
    published = depth_conditions(near, plan, preset("original"))
    assert torch.equal(published["right"], published["left"])
