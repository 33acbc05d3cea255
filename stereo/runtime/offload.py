"""Networks that lie on the CPU while they are not used."""

import logging
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from dpt.models import DPTDepthModel
    from ldm.models.diffusion.ddpm import LatentDiffusion

log = logging.getLogger(__name__)


def offload(model: "LatentDiffusion", depth_model: "DPTDepthModel | None" = None) -> bool:
    """Keep the networks in the CPU's memory and move each to the GPU when it is called.

    The last one used stays there until another is called. Says so and does nothing where the
    model runs on the CPU; returns whether anything was done.
    """
    device = model.device
    if device.type == "cpu":
        log.info("offload: does nothing, as the networks run on the CPU")
        return False
    shelf = Shelf(device)
    autoencoder = model.first_stage_model
    # Its two ways in, as nothing calls the autoencoder itself.
    ways_in = (autoencoder.encoder, autoencoder.post_quant_conv)
    shelf.manage(autoencoder, entrances=ways_in)
    shelf.manage(model.model, entrances=(model.model.diffusion_model,))
    shelf.manage(model.cond_stage_model)
    for depth in (depth_model, getattr(model, "depth_model", None)):
        if isinstance(depth, nn.Module):
            shelf.manage(depth, entrances=(depth, *_inner_networks(depth)))
    torch.cuda.empty_cache()
    return True


def _inner_networks(depth: nn.Module) -> Iterator[nn.Module]:
    """Yield the network inside a depth stage, which is also called without it."""
    inner = getattr(depth, "model", None)
    if isinstance(inner, nn.Module):
        yield inner


class Shelf:
    """Networks of which at most one lies on the device.

    A shelved network's weights lie on the CPU between calls, so what is put into it may, too:
    arguments are moved along.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._taken: nn.Module | None = None

    def manage(self, module: nn.Module, *, entrances: tuple[nn.Module, ...] = ()) -> None:
        """Shelve a network; a call of it, or of an entrance, takes it to the device."""
        module.to("cpu")
        for entrance in entrances or (module,):
            entrance.register_forward_pre_hook(self._taking(module))

    def _taking(self, module: nn.Module) -> Callable[[nn.Module, tuple[Any, ...]], tuple[Any, ...]]:
        def hook(called: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...]:
            self._take(module)
            return tuple(a.to(self._device) if isinstance(a, Tensor) else a for a in args)

        return hook

    def _take(self, module: nn.Module) -> None:
        if module is self._taken:
            return
        if self._taken is not None:
            self._taken.to("cpu")
        module.to(self._device)
        self._taken = module
