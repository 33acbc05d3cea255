"""Scripts written for Stability's `ldm`: every published call, with its published keywords."""

import inspect

import pytest
import torch

from ldm.models.autoencoder import AutoencoderKL
from ldm.models.diffusion.ddim import DDIMSampler
from ldm.models.diffusion.ddpm import LatentDiffusion
from ldm.modules.diffusionmodules import util
from ldm.modules.distributions.distributions import DiagonalGaussianDistribution
from ldm.modules.encoders.modules import FrozenCLIPEmbedder, FrozenOpenCLIPEmbedder
from ldm.unsupported import ANCESTRAL, TRAINING
from ldm.util import get_obj_from_str
from tests.ldm.models.diffusion.small import small_model

COND, SHAPE = torch.ones(2, 3, 8), (4, 8, 8)
SAMPLING = {
    "callback": None,
    "img_callback": None,
    "mask": None,
    "x0": None,
    "log_every_t": 100,
    "temperature": 1.0,
    "noise_dropout": 0.0,
    "score_corrector": None,
    "corrector_kwargs": None,
    "unconditional_guidance_scale": 2.0,
    "unconditional_conditioning": 0 * COND,
    "dynamic_threshold": None,
    "ucg_schedule": None,
}
TINY_TEXT = {"embed_dim": 8, "text_cfg": {"width": 8, "heads": 2, "layers": 2, "vocab_size": 49408}}


@pytest.fixture(scope="module")
def model() -> LatentDiffusion:
    return small_model()


@pytest.fixture
def sampler(model: LatentDiffusion) -> DDIMSampler:
    sampler = DDIMSampler(model, schedule="linear", device=torch.device("cpu"))
    sampler.make_schedule(ddim_num_steps=4, ddim_discretize="uniform", ddim_eta=0.0, verbose=False)
    return sampler


def test_sampling(sampler: DDIMSampler) -> None:
    x = torch.randn(2, *SHAPE)
    whole = {**SAMPLING, "normals_sequence": None, "quantize_x0": False, "verbose": True}
    samples, _ = sampler.sample(
        S=4, batch_size=2, shape=SHAPE, conditioning=COND, eta=0.0, x_T=x, **whole
    )
    again, kept = sampler.ddim_sampling(
        cond=COND,
        shape=(2, *SHAPE),
        x_T=x,
        ddim_use_original_steps=False,
        timesteps=None,
        quantize_denoised=False,
        **SAMPLING,
    )
    assert torch.equal(samples, again) and torch.equal(kept["x_inter"][-1], samples)
    guided = {key: SAMPLING[key] for key in SAMPLING if key.startswith("unconditional")}
    decoded = sampler.decode(
        x_latent=x, cond=COND, t_start=4, use_original_steps=False, callback=None, **guided
    )
    assert torch.equal(decoded, samples)
    names = ("temperature", "noise_dropout", "score_corrector", "corrector_kwargs")
    step, pred_x0 = sampler.p_sample_ddim(
        x=x,
        c=COND,
        t=torch.full((2,), sampler.ddim_timesteps[-1]),
        index=3,
        repeat_noise=False,
        use_original_steps=False,
        quantize_denoised=False,
        dynamic_threshold=None,
        **{name: SAMPLING[name] for name in names},
        **guided,
    )
    assert step.shape == pred_x0.shape == x.shape


def test_every_timestep_of_the_model(sampler: DDIMSampler) -> None:
    seen = []
    sampler.original_schedule = type(sampler.original_schedule).of_all(
        sampler.model.alphas_cumprod[:3], 0.0
    )
    sampler.ddim_sampling(COND, (2, *SHAPE), ddim_use_original_steps=True, callback=seen.append)
    assert seen == [0, 1, 2]


def test_the_way_back(sampler: DDIMSampler) -> None:
    x0, noise = torch.randn(2, 2, *SHAPE)
    encoded, kept = sampler.encode(
        x0=x0,
        c=COND,
        t_enc=4,
        use_original_steps=False,
        return_intermediates=True,
        unconditional_guidance_scale=1.0,
        unconditional_conditioning=None,
        callback=None,
    )
    assert torch.equal(kept["x_encoded"], encoded) and len(kept["intermediates"]) == 4
    noised = sampler.stochastic_encode(
        x0=x0, t=torch.tensor([2, 2]), use_original_steps=False, noise=noise
    )
    t = torch.full((2,), sampler.ddim_timesteps[2])
    expected = sampler.model.q_sample(x_start=x0, t=t, noise=noise)
    torch.testing.assert_close(noised, expected, atol=1e-6, rtol=0)


def test_the_model(model: LatentDiffusion) -> None:
    x, t = torch.randn(2, *SHAPE), torch.tensor([5, 900])
    output = model.apply_model(x_noisy=x, t=t, cond={"c_crossattn": [COND]}, return_ids=False)
    assert output.shape == x.shape
    noise = model.predict_eps_from_z_and_v(x_t=x, t=t, v=output)
    start = model.predict_start_from_z_and_v(x_t=x, t=t, v=output)
    torch.testing.assert_close(model.q_sample(x_start=start, t=t, noise=noise), x)
    torch.testing.assert_close(model.get_v(x=start, noise=noise, t=t), output)
    torch.testing.assert_close(
        model.predict_start_from_noise(x_t=x, t=t, noise=noise), start, atol=1e-4, rtol=1e-4
    )
    with model.ema_scope("Plotting"):
        posterior = model.encode_first_stage(x=torch.zeros(1, 3, 64, 64))
    latents = model.get_first_stage_encoding(encoder_posterior=posterior)
    assert latents.shape == (1, 4, 8, 8)
    assert model.decode_first_stage(z=latents, predict_cids=False).shape == (1, 3, 64, 64)


def test_the_autoencoder_and_its_posterior(model: LatentDiffusion) -> None:
    image = torch.zeros(1, 3, 64, 64)
    decoded, posterior = model.first_stage_model(input=image, sample_posterior=False)
    assert torch.equal(decoded, model.first_stage_model.decode(posterior.mode()))
    torch.testing.assert_close(posterior.var, posterior.logvar.exp())
    assert posterior.kl(other=posterior).abs().max() < 1e-4 < posterior.kl().min()
    normal = torch.distributions.Normal(posterior.mean, posterior.std)
    draw = posterior.sample()
    expected = -normal.log_prob(draw).sum((1, 2, 3))
    torch.testing.assert_close(posterior.nll(sample=draw, dims=[1, 2, 3]), expected)
    still = DiagonalGaussianDistribution(posterior.parameters, deterministic=True)
    assert torch.equal(still.sample(), posterior.mean)
    assert float(still.kl()) == float(still.nll(draw)) == float(still.var.sum()) == 0


def test_text_encoders() -> None:
    encoder = FrozenOpenCLIPEmbedder(
        arch=TINY_TEXT,
        version="laion2b_s32b_b79k",
        device="cpu",
        max_length=77,
        freeze=True,
        layer="penultimate",
    )
    tokens = encoder.tokenize(["a cat"])
    assert torch.equal(encoder.encode(text=["a cat"]), encoder.encode_with_transformer(text=tokens))
    embedded = torch.zeros(77, 1, 8)
    assert encoder.text_transformer_forward(x=embedded, attn_mask=None).shape == embedded.shape
    sizes = {"width": 8, "heads": 2, "layers": 1, "vocab_size": 49408}
    clip = FrozenCLIPEmbedder(
        version=sizes, device="cpu", max_length=77, freeze=True, layer="last", layer_idx=None
    )
    assert clip.encode(["a cat"]).shape == (1, 77, 8)


def test_small_functions() -> None:
    betas = util.make_beta_schedule("linear", 1000, linear_start=1e-4, cosine_s=8e-3)
    steps = util.make_ddim_timesteps(
        ddim_discr_method="uniform",
        num_ddim_timesteps=10,
        num_ddpm_timesteps=1000,
        verbose=False,
    )
    alphas = (1 - betas).cumprod()
    found = util.make_ddim_sampling_parameters(
        alphacums=alphas, ddim_timesteps=steps, eta=0.0, verbose=False
    )
    assert [len(values) for values in found] == [10, 10, 10]
    t = torch.tensor([1, 2])
    assert util.extract_into_tensor(a=torch.arange(4), t=t, x_shape=(2, 3, 5)).shape == (2, 1, 1)
    assert util.timestep_embedding(t, 8, max_period=10000, repeat_only=False).shape == (2, 8)
    first, second = util.noise_like((2, 3, 4), device="cpu", repeat=True)
    assert torch.equal(first, second)
    assert util.noise_like((2, 3, 4), "cpu").std() > 0
    assert get_obj_from_str("ldm.models.autoencoder.AutoencoderKL") is AutoencoderKL


@pytest.mark.parametrize("kind", [LatentDiffusion, AutoencoderKL])
def test_what_is_not_here_says_so(model: LatentDiffusion, kind: type) -> None:
    whole = model if kind is LatentDiffusion else model.first_stage_model
    for name in {*TRAINING, *(ANCESTRAL if kind is LatentDiffusion else ())} - {"ema_scope"}:
        with pytest.raises(NotImplementedError, match=f"^{name}: .* is not supported here; see "):
            getattr(whole, name)(1, key=2)


@pytest.mark.parametrize(
    ("option", "value"),
    [("timesteps", 5), ("quantize_denoised", True), ("dynamic_threshold", 0.9)],
)
def test_unsupported_values_are_named(sampler: DDIMSampler, option: str, value: object) -> None:
    with pytest.raises(ValueError, match=f"^{option}: got {value}"):
        sampler.ddim_sampling(COND, (2, *SHAPE), **{option: value})


def test_signatures_stay_readable() -> None:
    assert "verbose" not in inspect.signature(DDIMSampler.make_schedule).parameters
