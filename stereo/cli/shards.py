"""Sharing scenes among processes: every n-th one, by hand or by Lightning's devices."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

Item = TypeVar("Item")

# One process may have much more to do than another, as when a run is resumed.
PATIENCE = timedelta(days=7)


@dataclass(frozen=True)
class Shard:
    """Part `index` (from 0) of `count`."""

    index: int = 0
    count: int = 1

    def of(self, items: list[Item]) -> list[Item]:
        """Return this shard's items."""
        return items[self.index :: self.count]


def parse_shard(text: str) -> Shard:
    """Parse `1/4`: the first of four.

    Raises:
        ValueError: for anything else.
    """
    parts = text.split("/")
    if len(parts) == 2 and all(part.isdecimal() for part in parts):
        index, count = (int(part) for part in parts)
        if 1 <= index <= count:
            return Shard(index - 1, count)
    raise ValueError(f"shard: got {text!r}, expected I/N with I from 1 to N, as 1/4")


class Team:
    """The processes of a run; each does its shard, the first one reports."""

    def __init__(self, *, devices: int = 1, nodes: int = 1, device: str | None = None) -> None:
        """Start the other processes, with Lightning, where there is more than one.

        Raises:
            ValueError: when there are not so many devices.
        """
        self._fabric: Any = None
        self.device, self.shard = device, Shard()
        if devices * nodes == 1:
            return
        from lightning_fabric import Fabric
        from lightning_fabric.strategies import DDPStrategy
        from lightning_fabric.utilities.exceptions import MisconfigurationException

        accelerator = "auto" if device is None else device.partition(":")[0]
        try:
            self._fabric = Fabric(
                accelerator=accelerator,
                devices=devices,
                num_nodes=nodes,
                strategy=DDPStrategy(timeout=PATIENCE),
            )
        except (RuntimeError, ValueError, MisconfigurationException) as error:
            raise ValueError(f"devices: got {devices}, but {str(error).splitlines()[0]}") from error
        self._fabric.launch()
        self.device = str(self._fabric.device)
        self.shard = Shard(self._fabric.global_rank, self._fabric.world_size)

    @property
    def leads(self) -> bool:
        """Return whether this process reports."""
        return self.shard.index == 0

    def total(self, count: int) -> int:
        """Wait for all processes and return the sum of their counts."""
        if self._fabric is None:
            return count
        import torch

        both = self._fabric.all_reduce(torch.tensor(float(count)), reduce_op="sum")
        return int(both.item())
