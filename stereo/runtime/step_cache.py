"""Caches time embeddings and prompt keys/values, which do not depend on the latents.

Each residual block adds a projection of the time embedding, and each cross-attention layer attends
to the same keys and values of the prompt at every step. The first are computed for all timesteps
together, the second at the first call that needs them. The result is the same.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager

import torch
from torch import Tensor, nn

from ldm.models.diffusion.ddim import DDIMSampler
from ldm.modules.attention import BasicTransformerBlock, CrossAttention
from ldm.modules.diffusionmodules.openaimodel import UNetModel
from ldm.modules.diffusionmodules.unet_blocks import ResBlock
from ldm.modules.swap import Method, modules_of, swap

KeysValues = tuple[Tensor, Tensor]


class StepCache:
    """The time embeddings of a schedule and the keys and values of a run's prompts.

    Holds as long as the network's weights stay what they are.
    """

    def __init__(self, unet: UNetModel, timesteps: Sequence[int], device: torch.device) -> None:
        """Evaluate all timesteps; `device` is where the network's calls will run."""
        self._unet = unet
        self._time_layers = {
            name: block.emb_layers for name, block in modules_of(unet, ResBlock).items()
        }
        self._prompt_layers = {
            name: block.attn2 for name, block in modules_of(unet, BasicTransformerBlock).items()
        }
        self._shifts = _time_shifts(unet, self._time_layers, timesteps, device)
        self._prompts: dict[int, dict[str, KeysValues]] = {}

    @contextmanager
    def at(self, index: int, views: int | None) -> Iterator[None]:
        """Let calls of the network, all of whose rows are at one timestep, use the cache.

        Args:
            index: of the timestep, among those given.
            views: how often each prompt stands in the batch; calls with the same number have the
                same prompts. None where the step has prompts of its own.
        """

        def shift(name: str, layer: nn.Module) -> Method:
            return lambda emb: self._shifts[name][index : index + 1]  # (1, out_channels)

        with ExitStack() as swapped:
            swapped.enter_context(swap({"": self._unet}, "embed_time", _nothing))
            swapped.enter_context(swap(self._time_layers, "forward", shift))
            if views is not None:
                prompts = self._prompts.setdefault(views, {})
                swapped.enter_context(
                    swap(self._prompt_layers, "keys_values", _remembering(prompts))
                )
            yield


def step_cache(sampler: DDIMSampler) -> Callable[[int, int | None], AbstractContextManager[None]]:
    """Return the cache of a sampler's schedule, entered with a step's index and number of views."""
    model = sampler.model
    return StepCache(model.model.diffusion_model, sampler.ddim_timesteps, model.device).at


def _nothing(name: str, unet: UNetModel) -> Method:
    return lambda timesteps: None


def _remembering(prompts: dict[str, KeysValues]) -> Method:
    def edited(name: str, layer: CrossAttention) -> Method:
        project = layer.keys_values

        def keys_values(context: Tensor) -> KeysValues:
            if name not in prompts:
                prompts[name] = project(context)
            return prompts[name]

        return keys_values

    return edited


@torch.no_grad()
def _time_shifts(
    unet: UNetModel,
    layers: dict[str, nn.Module],
    timesteps: Sequence[int],
    device: torch.device,
) -> dict[str, Tensor]:
    """Return what each block adds at each timestep, (S, out_channels)."""
    # Where the weights lie, which with `--offload` is not yet where they run.
    emb = unet.embed_time(torch.tensor(timesteps, device=unet.time_embed[0].weight.device))
    return {name: layer(emb).to(device) for name, layer in layers.items()}
