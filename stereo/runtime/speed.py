"""How networks run: memory layout, compilation, and lying on the CPU while they are not used."""

import logging
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from ldm.modules.attention import BasicTransformerBlock, FeedForward
from ldm.modules.diffusionmodules.unet_blocks import ResBlock
from stereo.runtime.heap import hold_freed_memory
from stereo.runtime.offload import offload
from stereo.runtime.prepacked import is_packed, pack
from stereo.runtime.step_cache import StepCache

if TYPE_CHECKING:
    from dpt.models import DPTDepthModel
    from ldm.models.diffusion.ddpm import LatentDiffusion
    from stereo.options import SamplingOptions
    from stereo.runtime.models import Task

HALF = (torch.float16, torch.bfloat16)
TEXT_TOKENS = 77
# Each shape that a part is given is one entry; the default of 8 is fewer than a UNet has.
COMPILED_SHAPES = 128

log = logging.getLogger(__name__)


def prepare(
    model: "LatentDiffusion",
    depth_model: "DPTDepthModel | None",
    sampling: "SamplingOptions",
    *,
    task: "Task",
    compiled: bool,
    offloaded: bool,
) -> None:
    """Do what `--offload` and `--compile` ask for, for a workflow with these sampling options.

    On a CPU the process keeps freed memory for the next step from here on (`stereo.runtime.heap`).
    """
    if model.device.type == "cpu":
        hold_freed_memory()
    if offloaded:
        offload(model, depth_model)
    if compiled:
        # Photos are inverted first, without guidance.
        first = replace(sampling, guidance_scale=1.0) if task == "image" else sampling
        compile_denoiser(model, first)


def suit_device(model: "LatentDiffusion", device: torch.device) -> None:
    """Lay weights out as `device` is fastest with.

    On a GPU the UNet's convolutions are channels-last in half precision, as tensor cores work on
    that layout. On a CPU the UNet and the autoencoder are prepacked (docs/benchmarks.md).
    """
    unet = model.model.diffusion_model
    if device.type == "cpu":
        pack(unet)
        pack(model.first_stage_model)
    elif model.dtype in HALF:
        unet.to(memory_format=torch.channels_last)


def compile_denoiser(
    model: "LatentDiffusion", sampling: "SamplingOptions", *, backend: str = "inductor"
) -> bool:
    """Compile the parts of the UNet that every step shares, and warm them up at once.

    Residual blocks, attention and feed-forward layers are compiled each by itself, so that the
    attention edit, which swaps what happens between them, compiles nothing anew. Returns whether
    it was done. Packed layers, which the compiler cannot look into, are faster than what it makes
    of plain ones (docs/benchmarks.md); there, and without a compiler, the UNet stays as it is, and
    one line says so.
    """
    unet = model.model.diffusion_model
    if model.device.type == "cpu" and is_packed(unet):
        log.info("compile: does nothing on this CPU, where the denoiser is faster as it is")
        return False
    log.info("compiling the denoiser; this takes minutes, once per size and precision")
    start = time.perf_counter()
    try:
        _compile_parts(unet, backend)
        _warm_up(model, sampling)
    except (RuntimeError, OSError, ImportError) as error:
        _undo_compilation(unet)
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        log.warning("compile: not possible on this machine, going on without (%s)", reason)
        return False
    log.info("compiled the denoiser in %.0f s", time.perf_counter() - start)
    return True


def _compile_parts(unet: nn.Module, backend: str) -> None:
    import torch._dynamo

    config: Any = torch._dynamo.config
    config.recompile_limit = max(config.recompile_limit, COMPILED_SHAPES)
    for module in unet.modules():
        if isinstance(module, FeedForward):
            module.compile(backend=backend)
        elif isinstance(module, ResBlock):
            # Without the timestep's layers, which the step cache evaluates.
            module.shifted = torch.compile(module.shifted, backend=backend)
        elif isinstance(module, BasicTransformerBlock):
            # Not `forward`, which the attention edit swaps; these two it calls.
            for layer in (module.attn1, module.attn2):
                layer.keys_values = torch.compile(layer.keys_values, backend=backend)
                layer.attend = torch.compile(layer.attend, backend=backend)


def _undo_compilation(unet: nn.Module) -> None:
    import torch._dynamo

    for module in unet.modules():
        if isinstance(module, FeedForward):
            module._compiled_call_impl = None
        elif isinstance(module, ResBlock):
            vars(module).pop("shifted", None)
        elif isinstance(module, BasicTransformerBlock):
            for layer in (module.attn1, module.attn2):
                vars(layer).pop("keys_values", None)
                vars(layer).pop("attend", None)
    torch._dynamo.reset()


@torch.no_grad()
def _warm_up(model: "LatentDiffusion", sampling: "SamplingOptions") -> None:
    """Run the UNet once on the latents that the first step will see."""
    unet, factor = model.model.diffusion_model, model.downsample_factor
    side_px = model.image_size * factor
    size = ((sampling.height_px or side_px) // factor, (sampling.width_px or side_px) // factor)
    texts = 1 if sampling.guidance_scale == 1 else 2
    rows = texts * sampling.samples
    latents = torch.zeros(rows, unet.in_channels, *size, device=model.device)
    steps = torch.zeros(rows, dtype=torch.long, device=model.device)
    context = torch.zeros(rows, TEXT_TOKENS, unet.context_dim, device=model.device)
    with StepCache(unet, (0,), model.device).at(0, views=1):
        unet(latents, steps, context)
