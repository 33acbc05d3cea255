"""DDIMSampler: inversion, noise, refusals."""

from collections.abc import Callable
from unittest.mock import patch

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from ldm.models.diffusion.ddim import DDIMSampler
from ldm.models.diffusion.ddim_step import ddim_update
from ldm.models.diffusion.ddpm import LatentDiffusion
from ldm.util import instantiate_from_config
from tests.golden.models import filled_model, small_config

TINY_UNET = {
    "in_channels": 4,
    "out_channels": 4,
    "model_channels": 32,
    "attention_resolutions": [],
    "num_res_blocks": 1,
    "channel_mult": [1],
    "num_heads": 1,
    "context_dim": 3,
}
DATA_STD = 0.5


def model_that_predicts(
    noise: Callable[[Tensor, Tensor], Tensor], parameterization: str
) -> LatentDiffusion:
    """Return a model whose noise prediction is `noise(x, alpha)`, whatever it puts out."""
    model = instantiate_from_config(small_config(TINY_UNET, parameterization=parameterization))
    model = model.double()

    def apply_model(x: Tensor, t: Tensor, cond: Tensor) -> Tensor:
        alpha = model.alphas_cumprod[t].double().reshape(-1, 1, 1, 1)
        eps = noise(x, alpha)
        if parameterization == "eps":
            return eps
        return (eps - (1 - alpha).sqrt() * x) / alpha.sqrt()

    model.apply_model = apply_model
    return model


def constant_noise(x: Tensor, alpha: Tensor) -> Tensor:
    return torch.linspace(-2, 2, x[0].numel(), dtype=x.dtype).reshape(1, *x.shape[1:]).expand_as(x)


def gaussian_noise(x: Tensor, alpha: Tensor) -> Tensor:
    """The exact prediction where the data are normal with `DATA_STD`."""
    return (1 - alpha).sqrt() * x / (alpha * DATA_STD**2 + 1 - alpha)


def start(seed: int = 0, batch: int = 2) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(batch, 4, 8, 8, generator=generator, dtype=torch.float64)


COND = torch.zeros(2, 5, 3)


@pytest.mark.parametrize("parameterization", ["eps", "v"])
def test_inversion_and_sampling_undo_each_other_where_noise_does_not_depend_on_the_latents(
    parameterization: str,
) -> None:
    sampler = DDIMSampler(model_that_predicts(constant_noise, parameterization))
    sampler.make_schedule(20)
    noisy, _ = sampler.encode(start(), COND, 20)
    # One step down is made with the alphas of one step up, the first one included.
    torch.testing.assert_close(sampler.decode(noisy, COND, 20), start(), atol=1e-4, rtol=0)


@pytest.mark.parametrize("parameterization", ["eps", "v"])
def test_inversion_error_shrinks_with_the_number_of_steps(parameterization: str) -> None:
    sampler = DDIMSampler(model_that_predicts(gaussian_noise, parameterization))
    clean = start() * DATA_STD
    errors = []
    for steps in (10, 50, 250):
        sampler.make_schedule(steps)
        noisy, _ = sampler.encode(clean, COND, steps)
        errors.append((sampler.decode(noisy, COND, steps) - clean).std().item())
    assert errors[1] < errors[0] / 3
    assert errors[2] < errors[1] / 3
    assert errors[2] < 0.02


def test_eps_and_v_of_the_same_network_walk_the_same_way() -> None:
    ends = []
    for parameterization in ("eps", "v"):
        sampler = DDIMSampler(model_that_predicts(gaussian_noise, parameterization))
        samples, _ = sampler.sample(20, 2, (4, 8, 8), COND, x_T=start())
        ends.append((samples, sampler.encode(samples, COND, 20)[0]))
    torch.testing.assert_close(ends[0], ends[1], atol=1e-4, rtol=0)


@pytest.mark.parametrize("eta", [0.0, 1.0])
def test_samples_have_the_spread_of_the_data(eta: float) -> None:
    sampler = DDIMSampler(model_that_predicts(gaussian_noise, "v"))
    generator = torch.Generator().manual_seed(3)
    samples, _ = sampler.sample(
        100, 32, (4, 8, 8), COND, eta=eta, x_T=start(batch=32), generator=generator
    )
    assert samples.std().item() == pytest.approx(DATA_STD, rel=0.05)


@given(st.floats(0.01, 0.99), st.floats(0, 1))
def test_update_keeps_the_noise_level(alpha: float, share: float) -> None:
    sigma = share * (1 - alpha) ** 0.5
    one, zero = torch.ones(1, dtype=torch.float64), torch.zeros(1, dtype=torch.float64)
    kept = ddim_update(zero, one, alpha=alpha, sigma=sigma)
    fresh = ddim_update(zero, zero, alpha=alpha, sigma=sigma, noise=one)
    signal = ddim_update(one, zero, alpha=alpha, sigma=sigma)
    assert (kept**2 + fresh**2).item() == pytest.approx(1 - alpha, abs=1e-6)
    assert (signal**2).item() == pytest.approx(alpha, abs=1e-6)


@pytest.fixture(scope="module")
def tiny() -> LatentDiffusion:
    return filled_model(small_config(TINY_UNET))


def tiny_sample(model: LatentDiffusion, **options: object) -> tuple[Tensor, dict]:
    return DDIMSampler(model).sample(5, 2, (4, 8, 8), COND, **options)


def test_noise_is_drawn_from_the_generator_only_where_it_is_used(tiny: LatentDiffusion) -> None:
    ends = {}
    for eta in (0.0, 1.0):
        generator = torch.Generator().manual_seed(1)
        before = generator.get_state()
        ends[eta] = tiny_sample(tiny, eta=eta, x_T=start().float(), generator=generator)[0]
        assert torch.equal(generator.get_state(), before) == (eta == 0)
    again = torch.Generator().manual_seed(1)
    repeated = tiny_sample(tiny, eta=1.0, x_T=start().float(), generator=again)[0]
    assert torch.equal(ends[1.0], repeated)
    assert not torch.equal(ends[0.0], ends[1.0])


def test_start_noise_follows_the_generator(tiny: LatentDiffusion) -> None:
    kept = [
        tiny_sample(tiny, generator=torch.Generator().manual_seed(seed))[1]["x_inter"][0]
        for seed in (4, 4, 5)
    ]
    assert torch.equal(kept[0], kept[1])
    assert not torch.equal(kept[0], kept[2])


def test_calls_do_not_influence_each_other(tiny: LatentDiffusion) -> None:
    sampler = DDIMSampler(tiny)
    x = start().float()
    first, _ = sampler.sample(5, 2, (4, 8, 8), COND, x_T=x)
    sampler.encode(x, COND, 3)
    sampler.sample(10, 1, (4, 8, 8), COND[:1], x_T=x[:1], eta=1.0)
    again, _ = sampler.sample(5, 2, (4, 8, 8), COND, x_T=x)
    assert torch.equal(first, again)


def test_guidance_shows_each_latent_under_two_texts_unconditional_first() -> None:
    model = model_that_predicts(gaussian_noise, "eps")
    calls: list[Tensor] = []

    def apply_model(x: Tensor, t: Tensor, cond: Tensor) -> Tensor:
        calls.append(cond)
        return cond.mean(dim=(1, 2)).reshape(-1, 1, 1, 1).expand(-1, *x.shape[1:])

    model.apply_model = apply_model
    sampler = DDIMSampler(model)
    sampler.make_schedule(10)
    x, cond, uncond = start(), COND + 2, COND + 1
    t = sampler.timesteps_at(4, x)
    for scale, unconditional in ((1.0, uncond), (7.5, None)):
        sampler.p_sample_ddim(
            x,
            cond,
            t,
            4,
            unconditional_guidance_scale=scale,
            unconditional_conditioning=unconditional,
        )
        assert torch.equal(calls.pop(), cond)
    guided, _ = sampler.p_sample_ddim(
        x, cond, t, 4, unconditional_guidance_scale=7.5, unconditional_conditioning=uncond
    )
    assert torch.equal(calls.pop(), torch.cat([uncond, cond]))
    assert not calls
    expected, _ = sampler.update(x, torch.full_like(x, 1 + 7.5 * (2 - 1)), 4)
    torch.testing.assert_close(guided, expected, atol=1e-5, rtol=0)


def test_steps_may_be_composed_by_hand(tiny: LatentDiffusion) -> None:
    sampler = DDIMSampler(tiny)
    x = start().float()
    seen: list[int] = []
    samples, kept = sampler.sample(
        5,
        2,
        (4, 8, 8),
        COND,
        x_T=x,
        log_every_t=1,
        callback=seen.append,
        img_callback=lambda image, number: seen.append(-number),
    )
    assert seen == [0, 0, 1, -1, 2, -2, 3, -3, 4, -4]
    assert len(kept["x_inter"]) == len(kept["pred_x0"]) == 6
    with torch.no_grad():
        for number, index in enumerate(reversed(range(5))):
            x, pred_x0 = sampler.update(x, sampler.output(x, COND, index), index)
            torch.testing.assert_close(kept["pred_x0"][number + 1], pred_x0)
    torch.testing.assert_close(samples, x)


def test_output_and_update_let_gradients_through(tiny: LatentDiffusion) -> None:
    sampler = DDIMSampler(tiny)
    sampler.make_schedule(5)
    context = COND.clone().requires_grad_()
    x = start().float()
    sampler.update(x, sampler.output(x, context, 2), 2)[0].square().sum().backward()
    assert context.grad is not None


def test_partial_walks_and_intermediates(tiny: LatentDiffusion) -> None:
    sampler = DDIMSampler(tiny)
    sampler.make_schedule(10)
    x = start().float()
    assert sampler.decode(x, COND, 0) is x
    noisy, extra = sampler.encode(x, COND, 4, return_intermediates=True)
    assert len(extra["intermediates"]) == 4
    assert torch.equal(extra["intermediates"][-1], noisy)
    assert sampler.encode(x, COND, 4)[1]["intermediates"] == []
    by_hand = x
    with torch.no_grad():
        for index in range(4):
            by_hand = sampler.encode_step(by_hand, COND, index)
    assert torch.equal(by_hand, noisy)


def test_stochastic_encode_has_the_level_of_the_step(tiny: LatentDiffusion) -> None:
    sampler = DDIMSampler(tiny)
    sampler.make_schedule(50)
    clean, noise = start(), start(1)
    found = sampler.stochastic_encode(clean, torch.tensor([0, 49]), noise=noise)
    for sample, step in ((0, 0), (1, 49)):
        t = torch.tensor([sampler.ddim_timesteps[step]])
        expected = tiny.q_sample(clean[sample : sample + 1], t, noise[sample : sample + 1])
        torch.testing.assert_close(found[sample : sample + 1], expected, atol=1e-5, rtol=0)
    draws = [
        sampler.stochastic_encode(clean, 20, generator=torch.Generator().manual_seed(seed))
        for seed in (1, 1, 2)
    ]
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])


def test_refusals_name_the_argument(tiny: LatentDiffusion) -> None:
    sampler = DDIMSampler(tiny)
    x = start().float()
    with pytest.raises(ValueError, match="call make_schedule first"):
        sampler.decode(x, COND, 1)
    sampler.make_schedule(5)
    with pytest.raises(ValueError, match="t_start: got 6, expected 0 to 5"):
        sampler.decode(x, COND, 6)
    with pytest.raises(ValueError, match="t_enc: got -1"):
        sampler.encode(x, COND, -1)
    with pytest.raises(ValueError, match="t: got 5, expected indices below 5"):
        sampler.stochastic_encode(x, 5)
    with pytest.raises(ValueError, match="x_T: got shape"):
        sampler.sample(5, 3, (4, 8, 8), COND, x_T=x)
    with pytest.raises(ValueError, match="num_ddim_timesteps: got 3"):
        sampler.sample(3, 2, (4, 8, 8), COND, x_T=x)
    with pytest.raises(ValueError, match="unconditional_conditioning: got a tensor"):
        sampler.sample(
            5,
            2,
            (4, 8, 8),
            {"c_crossattn": [COND]},
            x_T=x,
            unconditional_guidance_scale=2.0,
            unconditional_conditioning=COND,
        )
    assert len(sampler.ddim_timesteps) == 5


def test_published_calls_are_taken(tiny: LatentDiffusion) -> None:
    sampler = DDIMSampler(tiny, schedule="linear", device=torch.device("cpu"))
    sampler.make_schedule(ddim_num_steps=5, ddim_discretize="uniform", ddim_eta=0.0, verbose=False)
    x = start().float()
    samples, _ = sampler.sample(
        S=5,
        batch_size=2,
        shape=(4, 8, 8),
        conditioning=COND,
        verbose=False,
        normals_sequence=None,
        quantize_x0=False,
        eta=0.0,
        mask=None,
        x0=None,
        temperature=1.0,
        noise_dropout=0.0,
        score_corrector=None,
        corrector_kwargs=None,
        dynamic_threshold=None,
        ucg_schedule=None,
        log_every_t=100,
        unconditional_guidance_scale=1.0,
        unconditional_conditioning=None,
        x_T=x,
    )
    assert torch.equal(samples, sampler.decode(x, COND, 5, use_original_steps=False))
    step, _ = sampler.p_sample_ddim(
        x, COND, sampler.timesteps_at(4, x), index=4, repeat_noise=False, use_original_steps=False
    )
    with torch.no_grad():
        assert torch.equal(step, sampler.update(x, sampler.output(x, COND, 4), 4)[0])


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"quantize_x0": True}, "quantize_x0: got True, expected False"),
        ({"dynamic_threshold": 0.9}, "dynamic_threshold: got 0.9"),
        ({"mask": torch.ones(1, 1, 8, 8)}, "x0: got None"),
        ({"ucg_schedule": [1.0]}, "ucg_schedule: got 1, expected 5"),
    ],
)
def test_what_is_not_supported_is_named(tiny: LatentDiffusion, options: dict, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        tiny_sample(tiny, **options)


def test_a_mask_keeps_known_latents(tiny: LatentDiffusion) -> None:
    known, mask = start(5).float(), torch.zeros(1, 1, 8, 8)
    mask[..., :4] = 1
    seen: list[Tensor] = []
    apply_model = tiny.apply_model
    with patch.object(
        tiny, "apply_model", side_effect=lambda x, *rest: (seen.append(x), apply_model(x, *rest))[1]
    ):
        noise = torch.Generator().manual_seed(7)
        tiny_sample(tiny, x_T=start().float(), mask=mask, x0=known, generator=noise)
    sampler, noise = DDIMSampler(tiny), torch.Generator().manual_seed(7)
    sampler.make_schedule(5)
    for index, x in zip(reversed(range(5)), seen, strict=True):
        expected = sampler.stochastic_encode(known, index, generator=noise)
        assert torch.equal(x[..., :4], expected[..., :4])
    assert torch.equal(seen[0][..., 4:], start().float()[..., 4:])


def test_guidance_may_change_by_step(tiny: LatentDiffusion) -> None:
    x, uncond = start().float(), COND + 1
    told = {"x_T": x, "unconditional_conditioning": uncond}
    scales = [3.0, 2.0, 1.0, 1.0, 0.0]
    by_schedule, _ = tiny_sample(tiny, ucg_schedule=scales, **told)
    sampler = DDIMSampler(tiny)
    sampler.make_schedule(5)
    for scale, index in zip(scales, reversed(range(5)), strict=True):
        x, _ = sampler.p_sample_ddim(
            x,
            COND,
            sampler.timesteps_at(index, x),
            index,
            unconditional_guidance_scale=scale,
            unconditional_conditioning=uncond,
        )
    assert torch.equal(by_schedule, x)


def test_fresh_noise_takes_the_published_options(tiny: LatentDiffusion) -> None:
    sampler, x = DDIMSampler(tiny), start().float()
    sampler.make_schedule(5, ddim_eta=1.0)
    still, _ = sampler.p_sample_ddim(x, COND, sampler.timesteps_at(3, x), 3, temperature=0.0)

    def fresh(**options: object) -> Tensor:
        generator = torch.Generator().manual_seed(1)
        t = sampler.timesteps_at(3, x)
        return sampler.p_sample_ddim(x, COND, t, 3, generator=generator, **options)[0] - still

    plain = fresh()
    torch.testing.assert_close(fresh(temperature=0.5), plain / 2, atol=1e-6, rtol=0)
    repeated = fresh(repeat_noise=True)
    torch.testing.assert_close(repeated[0], repeated[1], atol=1e-6, rtol=0)
    assert not torch.allclose(plain[0], plain[1], atol=1e-2)
    assert 0.4 < (fresh(noise_dropout=0.5).abs() < 1e-6).float().mean() < 0.6


def test_a_score_corrector_changes_the_noise_of_noise_predictors(tiny: LatentDiffusion) -> None:
    class Halving:
        def modify_score(self, model, eps, x, t, c, *, factor):  # noqa: ANN001, ANN202
            assert model is tiny and c is COND and t.shape == (2,)
            return eps * factor

    sampler, x = DDIMSampler(tiny), start().float()
    sampler.make_schedule(5)
    corrected, _ = sampler.p_sample_ddim(
        x,
        COND,
        sampler.timesteps_at(3, x),
        3,
        score_corrector=Halving(),
        corrector_kwargs={"factor": 0.5},
    )
    with torch.no_grad():
        expected, _ = sampler.update(x, sampler.output(x, COND, 3) / 2, 3)
    assert torch.equal(corrected, expected)
    with pytest.raises(ValueError, match="parameterization with a score_corrector: got 'v'"):
        v_model = model_that_predicts(gaussian_noise, "v")
        DDIMSampler(v_model).sample(5, 2, (4, 8, 8), COND, score_corrector=Halving())


def test_the_models_own_steps_are_one_for_each_timestep(tiny: LatentDiffusion) -> None:
    sampler, x, noise = DDIMSampler(tiny), start().float(), start(1).float()
    sampler.make_schedule(5)
    assert sampler.ddpm_num_timesteps == 1000
    noisy = sampler.stochastic_encode(x, 700, use_original_steps=True, noise=noise)
    torch.testing.assert_close(noisy, tiny.q_sample(x, torch.tensor([700, 700]), noise))
    seen: list[int] = []
    sampler.decode(noisy, COND, 3, use_original_steps=True, callback=seen.append)
    assert seen == [0, 1, 2]
    t = torch.tensor([2, 2])
    first, clean = sampler.p_sample_ddim(noisy, COND, t, 0, use_original_steps=True)
    assert torch.equal(first, clean)  # the last step ends without noise
    with pytest.raises(ValueError, match="t_start: got 1001, expected 0 to 1000"):
        sampler.decode(noisy, COND, 1001, use_original_steps=True)


def test_some_intermediates_as_published(tiny: LatentDiffusion) -> None:
    sampler, x = DDIMSampler(tiny), start().float()
    sampler.make_schedule(10)
    end, extra = sampler.encode(x, COND, 10, return_intermediates=3)
    assert extra["intermediate_steps"] == [0, 3, 6, 8, 9]
    assert torch.equal(extra["x_encoded"], end)
    assert torch.equal(extra["intermediates"][-1], end)
    assert sampler.encode(x, COND, 10)[1]["intermediate_steps"] == []
