"""The latent diffusion model: schedule, conditioning, and the parts that make it up."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ldm.modules.diffusionmodules.util import (
    can_match_rows,
    extract_into_tensor,
    make_beta_schedule,
    match_rows,
)
from ldm.modules.distributions.distributions import DiagonalGaussianDistribution
from ldm.util import instantiate_from_config, require

Config = Mapping[str, Any]
Conditioning = Tensor | Mapping[str, Sequence[Tensor]]

PARAMETERIZATIONS = ("eps", "v")
# What the UNet is given, by the published name of the conditioning.
CONDITIONS = {"crossattn": ("c_crossattn",), "hybrid": ("c_concat", "c_crossattn")}


class DiffusionWrapper(nn.Module):
    """The UNet and the way conditions reach it.

    `crossattn`: as attention context. `hybrid`: also as channels after the latent's.
    """

    def __init__(self, diff_model_config: Config, conditioning_key: str) -> None:
        super().__init__()
        if conditioning_key not in CONDITIONS:
            raise ValueError(
                f"conditioning_key: got {conditioning_key!r}, expected one of {tuple(CONDITIONS)}"
            )
        self.diffusion_model = instantiate_from_config(diff_model_config)
        self.conditioning_key = conditioning_key

    def forward(self, x: Tensor, t: Tensor, cond: Mapping[str, Sequence[Tensor]]) -> Tensor:
        """Run the UNet on x (B, C, h, w) at t (B,); each condition is a list to be joined.

        Conditions of k*B rows are k for each x: all x under the first, then under the next.
        """
        expected = CONDITIONS[self.conditioning_key]
        if tuple(sorted(cond)) != expected:
            raise ValueError(f"cond: got {sorted(cond)}, expected {list(expected)}")
        context = torch.cat(list(cond["c_crossattn"]), dim=1)
        maps = [values.to(x.dtype) for values in cond.get("c_concat", ())]
        for values in maps:
            if values.shape[2:] != x.shape[2:] or not can_match_rows(x, values):
                raise ValueError(
                    f"c_concat: got shape {tuple(values.shape)}, expected the size of the latents "
                    f"{tuple(x.shape)}, and their batch or a multiple of it"
                )
            x, t = match_rows(x, values), match_rows(t, values)
        return self.diffusion_model(torch.cat([x, *maps], dim=1), t, context=context)


class LatentDiffusion(nn.Module):
    """Text-conditioned diffusion in an autoencoder's latents (Rombach et al. 2022).

    A plain module: its own training lives elsewhere. Keys of published YAML files that only
    concern training are accepted and not used; those that would change the result are refused
    unless they have the value that the published models use.
    """

    depth_conditioned = False
    # What prompts should lead it by, where that is not the workflows' published scale.
    guidance_scale: float | None = None

    def __init__(
        self,
        first_stage_config: Config,
        cond_stage_config: Config,
        *,
        unet_config: Config,
        parameterization: str = "eps",
        conditioning_key: str = "crossattn",
        timesteps: int = 1000,
        beta_schedule: str = "linear",
        linear_start: float = 1e-4,
        linear_end: float = 2e-2,
        v_posterior: float = 0.0,
        scale_factor: float = 1.0,
        channels: int = 3,
        image_size: int | Sequence[int] = 256,
        cond_stage_trainable: bool = False,
        depth_stage_config: Config | None = None,
        concat_keys: Sequence[str] = ("midas",),
        concat_mode: bool = True,
        given_betas: Sequence[float] | None = None,
        cosine_s: float = 8e-3,
        scale_by_std: bool = False,
        force_null_conditioning: bool = False,
        cond_stage_forward: str | None = None,
        use_positional_encodings: bool = False,
        ckpt_path: str | None = None,
        ignore_keys: Sequence[str] = (),
        load_only_unet: bool = False,
        reset_ema: bool = False,
        reset_num_ema_updates: bool = False,
        use_ema: bool = False,
        finetune_keys: Sequence[str] | None = None,
        keep_finetune_dims: int = 4,
        num_timesteps_cond: int = 1,
        first_stage_key: str = "image",
        cond_stage_key: str = "image",
        log_every_t: int = 100,
        clip_denoised: bool = True,
        loss_type: str = "l2",
        l_simple_weight: float = 1.0,
        original_elbo_weight: float = 0.0,
        learn_logvar: bool = False,
        logvar_init: float = 0.0,
        make_it_fit: bool = False,
        ucg_training: Config | None = None,
        monitor: str | None = None,
        scheduler_config: Config | None = None,
    ) -> None:
        super().__init__()
        if parameterization not in PARAMETERIZATIONS:
            raise ValueError(
                f"parameterization: got {parameterization!r}, expected one of {PARAMETERIZATIONS}"
            )
        require("given_betas", given_betas, None)
        require("scale_by_std", scale_by_std, False)
        require("cond_stage_forward", cond_stage_forward, None)
        require("ckpt_path", ckpt_path, None)
        require("depth_stage_config given", depth_stage_config is not None, self.depth_conditioned)
        self.parameterization = parameterization
        self.scale_factor = scale_factor
        self.channels = channels
        self.image_size = image_size
        self.num_timesteps = timesteps
        betas = make_beta_schedule(
            beta_schedule, timesteps, linear_start=linear_start, linear_end=linear_end
        )
        for name, values in schedule_buffers(betas, v_posterior=v_posterior).items():
            self.register_buffer(name, values)
        self.model = DiffusionWrapper(unet_config, conditioning_key)
        self.first_stage_model = _frozen(instantiate_from_config(first_stage_config))
        cond_stage = instantiate_from_config(cond_stage_config)
        self.cond_stage_model = cond_stage if cond_stage_trainable else _frozen(cond_stage)
        if depth_stage_config is not None:
            self.depth_model = _frozen(instantiate_from_config(depth_stage_config))

    @property
    def device(self) -> torch.device:
        """Where it runs: the schedule stays there even while a network is kept elsewhere."""
        return self.betas.device

    @property
    def dtype(self) -> torch.dtype:
        """The precision of the UNet; latents may be kept in a higher one."""
        return self.model.diffusion_model.dtype

    @property
    def downsample_factor(self) -> int:
        """Image pixels per latent pixel, along each axis."""
        return self.first_stage_model.downsample_factor

    def apply_model(self, x: Tensor, t: Tensor, cond: Conditioning) -> Tensor:
        """Return the UNet's output (k*B, C, h, w), noise or v, in the dtype of `x`.

        Args:
            x: noisy latents (B, C, h, w).
            t: timesteps (B,), 0 to `num_timesteps` - 1.
            cond: text embedding (k*B, tokens, D), or `{"c_crossattn": [it]}`, with
                `"c_concat": [depth (B or k*B, 1, h, w)]` for depth-conditioned models. k texts
                for each x: all x under the first, then under the next.
        """
        if isinstance(cond, Tensor):
            cond = {"c_crossattn": [cond]}
        return self.model(x, t, cond)

    def get_learned_conditioning(self, prompts: list[str]) -> Tensor:
        """Return the embeddings of the prompts, (B, tokens, D)."""
        return self.cond_stage_model(prompts)

    def get_unconditional_conditioning(self, n: int, label: str = "") -> Tensor:
        """Return the embedding of `label` n times, (n, tokens, D)."""
        return self.get_learned_conditioning([label]).repeat(n, 1, 1)

    @torch.no_grad()
    def encode_first_stage(self, image: Tensor) -> DiagonalGaussianDistribution | Tensor:
        """Return the posterior of an image (B, 3, H, W) in [-1, 1], not scaled."""
        return self.first_stage_model.encode(image)

    def get_first_stage_encoding(
        self,
        posterior: DiagonalGaussianDistribution | Tensor,
        generator: torch.Generator | None = None,
        *,
        sample: bool = True,
    ) -> Tensor:
        """Return the scaled latents of a posterior, a draw from it or its mean."""
        if isinstance(posterior, Tensor):
            return posterior * self.scale_factor
        z = posterior.sample(generator) if sample else posterior.mode()
        return z * self.scale_factor

    @torch.no_grad()
    def decode_first_stage(self, z: Tensor) -> Tensor:
        """Return the image (B, 3, H, W), about [-1, 1], of scaled latents (B, C, h, w)."""
        return self.first_stage_model.decode(z / self.scale_factor)

    def q_sample(self, x_start: Tensor, t: Tensor, noise: Tensor) -> Tensor:
        """Return `x_start` with `noise` mixed in as it would be at timesteps t (B,)."""
        return self._mix(x_start, self._signal(t, x_start), noise, self._noise(t, x_start))

    def get_v(self, x: Tensor, noise: Tensor, t: Tensor) -> Tensor:
        """Return the velocity of clean `x` and `noise` at t (Salimans & Ho 2022)."""
        return self._mix(noise, self._signal(t, x), x, -self._noise(t, x))

    def training_target(self, x_start: Tensor, noise: Tensor, t: Tensor) -> Tensor:
        """Return what the UNet should put out for `q_sample(x_start, t, noise)`."""
        return self.get_v(x_start, noise, t) if self.parameterization == "v" else noise

    def predict_start_from_output(self, x: Tensor, t: Tensor, output: Tensor) -> Tensor:
        """Return the clean latents that the UNet's `output` for x at t (B,) stands for."""
        signal, noise = self._signal(t, x), self._noise(t, x)
        if self.parameterization == "v":
            return self._mix(x, signal, output, -noise)
        return self._mix(x, 1 / signal, output, -noise / signal)

    def predict_eps_from_output(self, x: Tensor, t: Tensor, output: Tensor) -> Tensor:
        """Return the noise that the UNet's `output` for x at t (B,) stands for."""
        if self.parameterization == "v":
            return self._mix(output, self._signal(t, x), x, self._noise(t, x))
        return output

    def _signal(self, t: Tensor, like: Tensor) -> Tensor:
        return extract_into_tensor(self.sqrt_alphas_cumprod, t, ndim=like.ndim)

    def _noise(self, t: Tensor, like: Tensor) -> Tensor:
        return extract_into_tensor(self.sqrt_one_minus_alphas_cumprod, t, ndim=like.ndim)

    @staticmethod
    def _mix(a: Tensor, weight_a: Tensor, b: Tensor, weight_b: Tensor) -> Tensor:
        """Return the weighted sum in the dtype of `a`, computed in the weights' float32."""
        return (weight_a * a + weight_b * b).to(a.dtype)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> "LatentDiffusion":
        """Convert as asked, except the schedule to another dtype: `.half()` would round it."""
        exact = dict(self.named_buffers(recurse=False))
        super()._apply(fn, recurse)
        for name, values in exact.items():
            if not values.is_meta:
                setattr(self, name, values.to(getattr(self, name).device))
        return self


class LatentDepth2ImageDiffusion(LatentDiffusion):
    """Latent diffusion that also sees a depth map, as a fifth channel of the UNet's input.

    `depth_model` comes from `depth_stage_config`; `conditioning_key` must be `hybrid`.
    """

    depth_conditioned = True


def schedule_buffers(betas: np.ndarray, *, v_posterior: float = 0.0) -> dict[str, Tensor]:
    """Return the buffers of published checkpoints by name, each (T,) float32.

    They are computed in double precision and lie on the CPU even where the default device is
    another, so that a model built without memory has its schedule.
    """
    alphas = 1.0 - betas
    cumprod = np.cumprod(alphas)
    previous = np.append(1.0, cumprod[:-1])
    variance = (1 - v_posterior) * betas * (1 - previous) / (1 - cumprod) + v_posterior * betas
    buffers = {
        "betas": betas,
        "alphas_cumprod": cumprod,
        "alphas_cumprod_prev": previous,
        "sqrt_alphas_cumprod": np.sqrt(cumprod),
        "sqrt_one_minus_alphas_cumprod": np.sqrt(1 - cumprod),
        "log_one_minus_alphas_cumprod": np.log(1 - cumprod),
        "sqrt_recip_alphas_cumprod": np.sqrt(1 / cumprod),
        "sqrt_recipm1_alphas_cumprod": np.sqrt(1 / cumprod - 1),
        "posterior_variance": variance,
        "posterior_log_variance_clipped": np.log(np.maximum(variance, 1e-20)),
        "posterior_mean_coef1": betas * np.sqrt(previous) / (1 - cumprod),
        "posterior_mean_coef2": (1 - previous) * np.sqrt(alphas) / (1 - cumprod),
    }
    return {
        name: torch.tensor(values, dtype=torch.float32, device="cpu")
        for name, values in buffers.items()
    }


def _frozen(module: nn.Module) -> nn.Module:
    return module.requires_grad_(False).eval()
