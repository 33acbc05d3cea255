"""What a network makes of timesteps and prompts, which no latent changes: computed once a run.

At every step each residual block adds something that depends on the timestep alone, and each
cross-attention layer looks at the same keys and values of the prompt. Here the first are made for
all timesteps together, the second at the first call that needs them, and a step's calls take them
from there. The result is the same.
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext

import torch
from torch import Tensor, nn

from ldm.models.diffusion.ddim import DDIMSampler
from ldm.modules.attention import BasicTransformerBlock, CrossAttention
from ldm.modules.diffusionmodules.openaimodel import UNetModel
from ldm.modules.diffusionmodules.unet_blocks import ResBlock
from stereo.method.swap import Method, modules_of, swap

KeysValues = tuple[Tensor, Tensor]


class Unchanging:
    """What one network makes of a schedule's timesteps and of a run's prompts.

    Holds as long as the network's weights stay what they are.
    """

    def __init__(self, unet: UNetModel, timesteps: Sequence[int], device: torch.device) -> None:
        """Evaluate all timesteps; `device` is where the network's calls will run."""
        self._unet = unet
        self._time_layers = {
            name: block.emb_layers for name, block in modules_of(unet, ResBlock).items()
        }
        self._text_layers = {
            name: block.attn2 for name, block in modules_of(unet, BasicTransformerBlock).items()
        }
        self._shifts = _time_shifts(unet, self._time_layers, timesteps, device)
        self._texts: dict[int, dict[str, KeysValues]] = {}

    @contextmanager
    def at(self, index: int, *, views: int | None) -> Iterator[None]:
        """Let calls of the network, all of their rows at one timestep, take what is known.

        Args:
            index: of the timestep, among those given.
            views: how often each prompt stands in the batch: calls with the same number are taken
                to have the same prompts. None where the step has prompts of its own.
        """

        def shift(name: str, layer: nn.Module) -> Method:
            return lambda emb: self._shifts[name][index : index + 1]  # (1, out_channels)

        with ExitStack() as swapped:
            swapped.enter_context(swap({"": self._unet}, "embed_time", _nothing))
            swapped.enter_context(swap(self._time_layers, "forward", shift))
            if views is not None:
                known = self._texts.setdefault(views, {})
                swapped.enter_context(swap(self._text_layers, "keys_values", _remembering(known)))
            yield


class Forgetful:
    """In place of `Unchanging` where every call is to be evaluated whole."""

    def at(self, index: int, *, views: int | None) -> AbstractContextManager[None]:
        """Let calls of the network be what they are."""
        return nullcontext()


def unchanging(sampler: DDIMSampler, *, wasteful: bool = False) -> Unchanging | Forgetful:
    """Return the tables of a sampler's schedule, indexed as its steps are; `wasteful`, none."""
    if wasteful:
        return Forgetful()
    model = sampler.model
    return Unchanging(model.model.diffusion_model, sampler.ddim_timesteps, model.device)


def _nothing(name: str, unet: UNetModel) -> Method:
    return lambda timesteps: None


def _remembering(known: dict[str, KeysValues]) -> Method:
    def edited(name: str, layer: CrossAttention) -> Method:
        project = layer.keys_values

        def keys_values(context: Tensor) -> KeysValues:
            if name not in known:
                known[name] = project(context)
            return known[name]

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
