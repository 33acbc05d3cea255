"""The latent diffusion model: schedule, conditioning, and the parts that make it up."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ldm.models.diffusion.schedule import DDIMOptions, schedule_buffers, with_zero_terminal_snr
from ldm.modules.diffusionmodules.util import extract_into_tensor, make_beta_schedule
from ldm.modules.distributions.distributions import DiagonalGaussianDistribution
from ldm.unsupported import ANCESTRAL, TRAINING, without
from ldm.util import instantiate_from_config, published_keys, require

Config = Mapping[str, Any]
Conditioning = Tensor | Sequence[Tensor] | Mapping[str, Tensor | Sequence[Tensor]]

PARAMETERIZATIONS = ("eps", "v")
# Of published YAML files, without a use here.
TRAINING_KEYS = tuple(
    "clip_denoised concat_keys concat_mode cosine_s finetune_keys force_null_conditioning "
    "ignore_keys keep_finetune_dims l_simple_weight learn_logvar load_only_unet log_every_t "
    "logvar_init loss_type make_it_fit monitor num_timesteps_cond original_elbo_weight reset_ema "
    "reset_num_ema_updates scheduler_config ucg_training use_ema use_positional_encodings".split()
)
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

    def forward(self, x: Tensor, t: Tensor, **cond: Sequence[Tensor] | Tensor | None) -> Tensor:
        """Run the UNet on x (B, C, h, w) at t (B,).

        Conditions are `c_crossattn` (B, tokens, D) and `c_concat` (B, C, h, w), or lists of such
        to be joined.
        """
        given = {name: values for name, values in cond.items() if values is not None}
        expected = CONDITIONS[self.conditioning_key]
        if tuple(sorted(given)) != expected:
            raise ValueError(f"cond: got {sorted(given)}, expected {list(expected)}")
        context = torch.cat(_listed(given["c_crossattn"]), dim=1)
        maps = [values.to(x.dtype) for values in _listed(given.get("c_concat", ()))]
        for values in maps:
            if values.shape[2:] != x.shape[2:] or len(values) != len(x):
                raise ValueError(
                    f"c_concat: got shape {tuple(values.shape)}, expected batch and size of the "
                    f"latents {tuple(x.shape)}"
                )
        return self.diffusion_model(torch.cat([x, *maps], dim=1), t, context=context)


@without(ANCESTRAL, "walking all timesteps", "ldm.models.diffusion.ddim.DDIMSampler")
@without(TRAINING, "training as published", "train.py")
class LatentDiffusion(nn.Module):
    """Text-conditioned diffusion in an autoencoder's latents (Rombach et al. 2022).

    A plain module: its own training lives elsewhere. Keys of published YAML files that only
    concern training are accepted and not used; others are refused unless they have the value that
    the published models use. Three keys are our own: `zero_terminal_snr` rescales the betas so that
    the last timestep is pure noise; `ddim_options` are those of `DDIMOptions`; `guidance_scale` is
    what prompts lead the model by where no one chooses.
    """

    depth_conditioned = False

    @published_keys(*TRAINING_KEYS, scale_by_std=False, cond_stage_forward=None, ckpt_path=None)
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
        given_betas: Sequence[float] | None = None,
        zero_terminal_snr: bool = False,
        v_posterior: float = 0.0,
        ddim_options: Mapping[str, Any] | None = None,
        scale_factor: float = 1.0,
        channels: int = 3,
        image_size: int | Sequence[int] = 256,
        first_stage_key: str = "image",
        cond_stage_key: str = "image",
        cond_stage_trainable: bool = False,
        depth_stage_config: Config | None = None,
        guidance_scale: float | None = None,
    ) -> None:
        super().__init__()
        if parameterization not in PARAMETERIZATIONS:
            raise ValueError(
                f"parameterization: got {parameterization!r}, expected one of {PARAMETERIZATIONS}"
            )
        require("depth_stage_config given", depth_stage_config is not None, self.depth_conditioned)
        self.parameterization = parameterization
        self.scale_factor = scale_factor
        self.channels = channels
        self.image_size = image_size
        self.num_timesteps = timesteps if given_betas is None else len(given_betas)
        self.first_stage_key, self.cond_stage_key = first_stage_key, cond_stage_key
        self.zero_terminal_snr = zero_terminal_snr
        self.ddim_options = DDIMOptions(**(ddim_options or {}))
        betas = (
            make_beta_schedule(
                beta_schedule, timesteps, linear_start=linear_start, linear_end=linear_end
            )
            if given_betas is None
            else np.asarray(given_betas, dtype=np.float64)
        )
        if zero_terminal_snr:
            require("parameterization with zero_terminal_snr", parameterization, "v")
            betas = with_zero_terminal_snr(betas)
        for name, values in schedule_buffers(betas, v_posterior=v_posterior).items():
            self.register_buffer(name, values)
        self.model = DiffusionWrapper(unet_config, conditioning_key)
        self.first_stage_model = _frozen(instantiate_from_config(first_stage_config))
        cond_stage = instantiate_from_config(cond_stage_config)
        self.cond_stage_model = cond_stage if cond_stage_trainable else _frozen(cond_stage)
        own = getattr(self.model.diffusion_model, "guidance_scale", None)
        self.guidance_scale = own if guidance_scale is None else guidance_scale
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

    @contextmanager
    def ema_scope(self, context: str | None = None) -> Iterator[None]:
        """Do nothing: the weights are the averaged ones already."""
        yield

    @published_keys(return_ids=False)
    def apply_model(self, x_noisy: Tensor, t: Tensor, cond: Conditioning) -> Tensor:
        """Return the UNet's output (B, C, h, w), noise or v, in the dtype of `x_noisy`.

        Args:
            x_noisy: latents (B, C, h, w).
            t: timesteps (B,), 0 to `num_timesteps` - 1.
            cond: text embedding (B, tokens, D), or a list of such, or `{"c_crossattn": [it]}`,
                with `"c_concat": [depth (B, 1, h, w)]` for depth-conditioned models.
        """
        if isinstance(cond, Tensor):
            cond = [cond]
        return self.model(
            x_noisy, t, **(cond if isinstance(cond, Mapping) else {"c_crossattn": cond})
        )

    def get_learned_conditioning(self, c: list[str]) -> Tensor:
        """Return the embeddings of prompts, (B, tokens, D)."""
        return self.cond_stage_model(c)

    def get_unconditional_conditioning(
        self, batch_size: int, null_label: str | None = None
    ) -> Tensor:
        """Return the embedding of `null_label`, or of "", (batch_size, tokens, D)."""
        return self.get_learned_conditioning([null_label or ""]).repeat(batch_size, 1, 1)

    @torch.no_grad()
    def encode_first_stage(self, x: Tensor) -> DiagonalGaussianDistribution | Tensor:
        """Return the posterior of an image (B, 3, H, W) in [-1, 1], not scaled."""
        return self.first_stage_model.encode(x)

    def get_first_stage_encoding(
        self,
        encoder_posterior: DiagonalGaussianDistribution | Tensor,
        generator: torch.Generator | None = None,
        *,
        sample: bool = True,
    ) -> Tensor:
        """Return the scaled latents of a posterior, a draw from it or its mean."""
        z = encoder_posterior
        if not isinstance(z, Tensor):
            z = z.sample(generator) if sample else z.mode()
        return z * self.scale_factor

    @torch.no_grad()
    @published_keys(predict_cids=False, force_not_quantize=False)
    def decode_first_stage(self, z: Tensor) -> Tensor:
        """Return the image (B, 3, H, W), about [-1, 1], of scaled latents (B, C, h, w)."""
        return self.differentiable_decode_first_stage(z)

    @published_keys(predict_cids=False, force_not_quantize=False)
    def differentiable_decode_first_stage(self, z: Tensor) -> Tensor:
        """Return the image of latents as `decode_first_stage` does, with gradients."""
        return self.first_stage_model.decode(z / self.scale_factor)

    def q_sample(self, x_start: Tensor, t: Tensor, noise: Tensor | None = None) -> Tensor:
        """Return `x_start` with `noise` mixed in as it would be at timesteps t (B,)."""
        noise = torch.randn_like(x_start) if noise is None else noise
        return self._mix(x_start, self._signal(t, x_start), noise, self._noise(t, x_start))

    def get_v(self, x: Tensor, noise: Tensor, t: Tensor) -> Tensor:
        """Return the velocity of clean `x` and `noise` at t (Salimans & Ho 2022)."""
        return self._mix(noise, self._signal(t, x), x, -self._noise(t, x))

    def training_target(self, x_start: Tensor, noise: Tensor, t: Tensor) -> Tensor:
        """Return what the UNet should put out for `q_sample(x_start, t, noise)`."""
        return self.get_v(x_start, noise, t) if self.parameterization == "v" else noise

    def predict_start_from_output(self, x: Tensor, t: Tensor, output: Tensor) -> Tensor:
        """Return the clean latents that the UNet's `output` for x at t (B,) stands for."""
        if self.parameterization == "v":
            return self.predict_start_from_z_and_v(x, t, output)
        return self.predict_start_from_noise(x, t, output)

    def predict_start_from_noise(self, x_t: Tensor, t: Tensor, noise: Tensor) -> Tensor:
        """Return the clean latents, given the noise in `x_t` at t (B,)."""
        signal = self._signal(t, x_t)
        return self._mix(x_t, 1 / signal, noise, -self._noise(t, x_t) / signal)

    def predict_start_from_z_and_v(self, x_t: Tensor, t: Tensor, v: Tensor) -> Tensor:
        """Return the clean latents, given the velocity of `x_t` at t (B,)."""
        return self._mix(x_t, self._signal(t, x_t), v, -self._noise(t, x_t))

    def predict_eps_from_output(self, x: Tensor, t: Tensor, output: Tensor) -> Tensor:
        """Return the noise that the UNet's `output` for x at t (B,) stands for."""
        return (
            output
            if self.parameterization == "eps"
            else self.predict_eps_from_z_and_v(x, t, output)
        )

    def predict_eps_from_z_and_v(self, x_t: Tensor, t: Tensor, v: Tensor) -> Tensor:
        """Return the noise, given the velocity of `x_t` at t (B,)."""
        return self._mix(v, self._signal(t, x_t), x_t, self._noise(t, x_t))

    def _signal(self, t: Tensor, like: Tensor) -> Tensor:
        return extract_into_tensor(self.sqrt_alphas_cumprod, t, like.shape)

    def _noise(self, t: Tensor, like: Tensor) -> Tensor:
        return extract_into_tensor(self.sqrt_one_minus_alphas_cumprod, t, like.shape)

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
    # The published names of what scripts give its `depth_model`.
    concat_keys, depth_stage_key = ("midas_in",), "midas_in"


def _frozen(module: nn.Module) -> nn.Module:
    return module.requires_grad_(False).eval()


def _listed(values: Sequence[Tensor] | Tensor) -> list[Tensor]:
    return [values] if isinstance(values, Tensor) else list(values)
