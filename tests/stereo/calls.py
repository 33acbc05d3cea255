"""How often networks are called, and on how much."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from torch import Tensor, nn


class Call(NamedTuple):
    """Rows that a module was given and gave: of a UNet, samples x views (x guidance branches)."""

    given: int
    made: int


@contextmanager
def calls_of(*modules: nn.Module) -> Iterator[list[Call]]:
    """Collect the calls of all modules inside this context."""
    calls: list[Call] = []

    def note(module: nn.Module, args: tuple[Tensor, ...], output: Tensor) -> None:
        calls.append(Call(len(args[0]), len(output)))

    hooks = [module.register_forward_hook(note) for module in modules]
    try:
        yield calls
    finally:
        for hook in hooks:
            hook.remove()


def evaluations(calls: list[Call]) -> int:
    """Return how many there were: one view and one guidance branch of one sample count 1."""
    return sum(call.made for call in calls)
