"""The published schedule, plainly: every pass that the published code makes, each evaluated whole.

The published code denoises the left view alone to see its depth, then both views again from the
start, each under both texts. It keeps nothing from one call for the next, and null-text inversion
computes the gradients of all weights. The results are those of the workflows, which are tested
against this and timed beside it; none of their denoising, attention edit and shift is used here.
"""

from contextlib import AbstractContextManager, nullcontext

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ldm.models.diffusion.ddpm import LatentDiffusion
from ldm.modules.attention import BasicTransformerBlock
from ldm.modules.swap import Method, modules_of, swap
from stereo.depth.parallax import normalise, relative_cells, resize_to_latents
from stereo.method.conditioning import depth_conditions
from stereo.method.latent_shift import LatentShift, latent_shift
from stereo.method.schedule import shift_schedule
from stereo.noise import Noise
from stereo.options import NullTextOptions, SamplingOptions, StereoOptions
from stereo.runtime.device import in_float32

Views = tuple[Tensor, Tensor]
LEARNING_RATE, THRESHOLD_SLOPE, PUBLISHED_STEPS = 1e-2, 2e-5, 50


class PublishedSchedule:
    """One model and prompt; eta is 0, and steps are counted from the noisiest."""

    def __init__(
        self,
        model: LatentDiffusion,
        options: StereoOptions,
        sampling: SamplingOptions,
        noise: Noise,
        prompt: str = "",
    ) -> None:
        self.model, self.options, self.sampling, self.noise = model, options, sampling, noise
        self.unet = model.model.diffusion_model
        stride = model.num_timesteps // sampling.steps
        self.times = [t + 1 for t in range(0, model.num_timesteps, stride)][::-1]
        # Step k leads from alphas[k] to alphas[k + 1].
        self.alphas = model.alphas_cumprod[[*self.times, 0]].tolist()
        texts = model.get_learned_conditioning(["", prompt]).float()  # the unconditional one first
        self.texts = texts.repeat_interleave(sampling.samples, 0).chunk(2)

    @torch.no_grad()
    def left_alone(self, start: Tensor) -> Tensor:
        """Denoise one view (n, C, h, w), as the text workflow does to see its depth."""
        for step in range(len(self.times)):
            start = self._guided_step(start, step, self.texts[0])
        return start

    @torch.no_grad()
    def both_views(self, start: Tensor, disparity: Tensor, empty: Tensor | None = None) -> Views:
        """Denoise both views from the start, and shift one of them out of the other.

        Args:
            start: noise (n, C, h, w).
            disparity: (n, H, W) of the left view.
            empty: unconditional embeddings of each step, (steps, n, L, D); None takes the text's.

        Returns:
            The left and the right latents (n, C, h, w).
        """
        size = start.shape[-2:]
        plan = latent_shift(relative_cells(disparity, size, self.options), self.options)
        steps = shift_schedule(len(self.times), self.options)
        depth = None
        if self.unet.in_channels > self.model.channels:
            relative = normalise(resize_to_latents(disparity, size))
            depth = depth_conditions(relative, plan, self.options)
        left, right, valid = start, start, None
        for step in range(len(self.times)):
            names = ("trunk", "trunk") if valid is None else ("left", "right")
            maps = None if depth is None else torch.cat([depth[name] for name in names])
            text = self.texts[0] if empty is None else empty[step]
            with nullcontext() if valid is None else self._shared_attention(len(start)):
                views = self._guided_step(torch.cat([left, right]), step, text, maps)
            left, right = views.chunk(2)
            if step == steps.shift:
                left, right, valid = self._split(plan, left)
            elif step in steps.refresh:
                moved, landed = plain_shift(left, plan.refresh, to_left=plan.eyes[1] == "left")
                right = torch.where(valid if plan.frozen_mask else landed, moved, right)
        return left, right

    @torch.no_grad()
    def invert(self, clean: Tensor, null_text: NullTextOptions) -> Views:
        """Invert a photo's latents (1, C, h, w), in float32.

        Returns:
            The noise, and each step's tuned unconditional embedding (steps, 1, L, D).
        """
        path, embeddings, empty = [clean], [], self.texts[0]
        with in_float32(self.unet):
            for step in reversed(range(len(self.times))):
                output = self._output(path[-1], step, self.texts[1])
                path.append(self._move(path[-1], output, step, up=True))
            x = path[-1]
            for step, target in enumerate(path[-2::-1]):
                empty = self._tune(x, empty, target, step, null_text)
                conditional = self._output(x, step, self.texts[1])
                x = self._down(x, step, self._output(x, step, empty), conditional)
                embeddings.append(empty)
        return path[-1], torch.stack(embeddings)

    def _output(self, x: Tensor, step: int, text: Tensor, depth: Tensor | None = None) -> Tensor:
        """Call the UNet on latents (B, C, h, w) under as many texts and depth maps."""
        t = torch.full((len(x),), self.times[step], device=x.device)
        depths = {} if depth is None else {"c_concat": [depth]}
        return self.model.apply_model(x, t, {"c_crossattn": [text], **depths})

    def _move(self, x: Tensor, output: Tensor, step: int, *, up: bool = False) -> Tensor:
        """Take a DDIM step down, or up to the noise that it starts from (Eq. 12)."""
        alpha, cleaner = self.alphas[step : step + 2]
        if self.model.parameterization == "v":
            output = alpha**0.5 * output + (1 - alpha) ** 0.5 * x  # the noise in x
        here, there = (cleaner, alpha) if up else (alpha, cleaner)
        clean = (x - (1 - here) ** 0.5 * output) / here**0.5
        return there**0.5 * clean + (1 - there) ** 0.5 * output

    def _down(self, x: Tensor, step: int, unconditional: Tensor, conditional: Tensor) -> Tensor:
        scale = self.sampling.guidance_scale
        return self._move(x, unconditional + scale * (conditional - unconditional), step)

    def _guided_step(
        self, x: Tensor, step: int, empty: Tensor, depth: Tensor | None = None
    ) -> Tensor:
        """Evaluate every latent (B, C, h, w) whole under both texts, in one call."""
        views = len(x) // len(empty)
        texts = torch.cat([text.repeat(views, 1, 1) for text in (empty, self.texts[1])])
        twice = None if depth is None else torch.cat([depth, depth])
        return self._down(x, step, *self._output(torch.cat([x, x]), step, texts, twice).chunk(2))

    def _tune(
        self, x: Tensor, empty: Tensor, target: Tensor, step: int, null_text: NullTextOptions
    ) -> Tensor:
        """Tune one step's unconditional embedding; the weights' gradients are thrown away."""
        progress = step * (PUBLISHED_STEPS / len(self.times) if null_text.scale_with_steps else 1)
        empty, weights = empty.clone().requires_grad_(), list(self.unet.parameters())
        optimiser = torch.optim.Adam([empty], lr=LEARNING_RATE * max(0.0, 1 - progress / 100))
        conditional = self._output(x, step, self.texts[1])
        for _ in range(null_text.inner_steps):
            self.unet.requires_grad_(True)
            with torch.enable_grad():
                output = self._output(x, step, empty)
                loss = F.mse_loss(self._down(x, step, output, conditional), target)
            empty.grad = torch.autograd.grad(loss, [empty, *weights], allow_unused=True)[0]
            self.unet.requires_grad_(False)
            optimiser.step()
            if loss.item() < null_text.epsilon + progress * THRESHOLD_SLOPE:
                break
        return empty.detach()

    def _split(self, plan: LatentShift, latents: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        noise = self.noise.holes().to(latents)
        right, valid = plain_shift(latents, plan.right, to_left=plan.eyes[1] == "left")
        if self.options.deblur:
            right = torch.where(valid, right, noise)
        if plan.left is None:
            return latents, right, valid
        left, landed = plain_shift(latents, plan.left, to_left=plan.eyes[0] == "left")
        if self.options.deblur and not plan.frozen_mask:
            left = torch.where(landed, left, noise)
        return left, right, valid

    def _shared_attention(self, samples: int) -> AbstractContextManager[None]:
        """Let self-attention of both views look at the left one (`uni`) or at both (`bi`)."""

        def edited(name: str, layer: nn.Module) -> Method:
            def forward(tokens: Tensor) -> Tensor:
                left, right = tokens.unflatten(0, (2, 2, samples)).unbind(1)  # text, view, sample
                both = left if self.options.direction == "uni" else torch.cat([left, right], 2)
                return type(layer).forward(layer, tokens, torch.stack([both] * 2, 1).flatten(0, 2))

            return forward

        blocks = modules_of(self.unet, BasicTransformerBlock)
        return swap({name: block.attn1 for name, block in blocks.items()}, "forward", edited)


def plain_shift(view: Tensor, offset: Tensor, *, to_left: bool = False) -> Views:
    """Shift a view (B, C, H, W) column by column; of two that meet, the nearer comes last (Eq. 3).

    `offset` (B, H, W) counts whole columns to the right. Of a left eye's view (`to_left`), the
    nearer one came from further left. Also returns where a column landed, (B, 1, H, W) bool.
    """
    shifted, landed = torch.zeros_like(view), torch.zeros_like(view[:, :1], dtype=torch.bool)
    width = view.shape[-1]
    for column in reversed(range(width)) if to_left else range(width):
        target = column + offset[:, :, column]
        image, row = torch.nonzero((target >= 0) & (target < width), as_tuple=True)
        place = (image, slice(None), row, target[image, row])
        shifted[place], landed[place] = view[image, :, row, column], True
    return shifted, landed
