"""DDIMSampler against the published code's trajectories."""

from collections.abc import Callable

import pytest
import torch

from ldm.models.diffusion.ddim import DDIMSampler
from tests.golden.models import filled_model, null_text_model


@pytest.mark.parametrize(("case", "atol"), [("g06_ddim_eps", 3e-3), ("g06_ddim_v", 1e-3)])
def test_sample_matches_the_published_trajectory(
    golden: Callable[[str], dict], case: str, atol: float
) -> None:
    stored = golden(case)
    config = stored["config"]
    sampler = DDIMSampler(filled_model(config["model"]))
    samples, kept = sampler.sample(
        config["S"],
        2,
        (4, 16, 16),
        stored["cond"],
        eta=config["eta"],
        x_T=stored["x_T"],
        unconditional_guidance_scale=config["scale"],
        unconditional_conditioning=stored["uncond"],
        log_every_t=config["log_every_t"],
    )
    for name in ("x_inter", "pred_x0"):
        torch.testing.assert_close(torch.stack(kept[name]), stored[name], atol=atol, rtol=0)
    torch.testing.assert_close(samples, stored["samples"], atol=atol, rtol=0)


def test_depth_conditioned_decode_matches_the_published_one(
    golden: Callable[[str], dict],
) -> None:
    stored = golden("g06_ddim_depth_decode")
    config = stored["config"]
    sampler = DDIMSampler(filled_model(config["model"]))
    sampler.make_schedule(config["S"], config["eta"])
    cond, uncond = (
        {"c_crossattn": [stored[name]], "c_concat": [stored["c_concat"]]}
        for name in ("cond", "uncond")
    )
    guidance = {
        "unconditional_guidance_scale": config["scale"],
        "unconditional_conditioning": uncond,
    }
    samples = sampler.decode(stored["x_T"], cond, config["t_enc"], **guidance)
    torch.testing.assert_close(samples, stored["samples"], atol=3e-3, rtol=0)
    x, after = stored["x_T"], []
    for index in reversed(range(config["t_enc"])):
        x, _ = sampler.p_sample_ddim(x, cond, sampler.timesteps_at(index, x), index, **guidance)
        after.append(x)
    torch.testing.assert_close(
        torch.stack(after[1::2]), stored["x_after_odd_steps"], atol=3e-3, rtol=0
    )


def test_encode_matches_the_published_inversion(golden: Callable[[str], dict]) -> None:
    stored = golden("null_text_10_same_prompt")
    sampler = DDIMSampler(null_text_model(stored["config"]))
    sampler.make_schedule(stored["config"]["num_ddim_steps"])
    assert list(reversed(sampler.ddim_timesteps)) == stored["timesteps"].tolist()
    x_T, extra = sampler.encode(stored["latent"], stored["cond"], 10, return_intermediates=True)
    found = torch.cat([stored["latent"], *extra["intermediates"]])
    torch.testing.assert_close(found, stored["ddim_latents"], atol=2e-5, rtol=0)
    assert torch.equal(x_T, extra["intermediates"][-1])
