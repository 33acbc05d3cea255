"""Swapping what modules do, for as long as a `with` block lasts."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from torch import nn

Method = Callable[..., Any]


@contextmanager
def swap(
    modules: Mapping[str, Any], method: str, edited: Callable[[str, Any], Method]
) -> Iterator[None]:
    """Shadow a method of each module by `edited(name, module)`; take it away on exit, always."""
    # Written past `nn.Module.__setattr__`, which takes its time and has nothing to register here.
    before = {name: vars(module).get(method) for name, module in modules.items()}
    try:
        for name, module in modules.items():
            vars(module)[method] = edited(name, module)
        yield
    finally:
        for name, module in modules.items():
            if before[name] is None:
                vars(module).pop(method, None)
            else:
                vars(module)[method] = before[name]


def modules_of(network: nn.Module, kind: type[nn.Module]) -> dict[str, Any]:
    """Name the modules of one kind, in calling order.

    Walking through a UNet takes milliseconds, so callers do it once for all steps.
    """
    return {name: module for name, module in network.named_modules() if isinstance(module, kind)}
