"""Memory: what is free, and a line that helps when it was not enough."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from ldm.models.diffusion.ddpm import LatentDiffusion
    from stereo.options import SamplingOptions

MEMORY_FILE = Path("/proc/meminfo")
# Of each layer of a view, what it was given and made of it: (tokens, key, value) or part of it.
Attention = dict[str, tuple[Tensor, ...]]
WORDS = ("out of memory", "can't allocate memory", "not enough memory")
GIB = 2**30
# Left free when a view's attention is kept: the autoencoder and depth network need it, and on a CPU
# other programs.
KEPT_FREE = {"cuda": 2 * GIB, "cpu": 8 * GIB}


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error says that memory ran out; on a CPU it has no type of its own."""
    if isinstance(error, MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in WORDS)


@contextmanager
def explain_out_of_memory(
    model: "LatentDiffusion",
    sampling: "SamplingOptions",
    picture_px: tuple[int, int] | None = None,
    *,
    fewer: str = "--n_samples 1",
) -> Iterator[None]:
    """Turn running out of memory into one line: what was asked, what is free, what helps.

    `picture_px` is the (width, height) of the picture that a pair is made of, if any, `fewer` the
    flag with which less is done at once.

    Raises:
        MemoryError: with that line.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        raise MemoryError(describe_shortage(model, sampling, picture_px, fewer)) from error


def describe_shortage(
    model: "LatentDiffusion",
    sampling: "SamplingOptions",
    picture_px: tuple[int, int] | None = None,
    fewer: str = "--n_samples 1",
) -> str:
    """Say what was asked, what is free and which flags help."""
    device = torch.device(model.device)
    side_px = model.image_size * model.downsample_factor
    width, height = sampling.width_px or side_px, sampling.height_px or side_px
    count = sampling.samples
    asked = f"{count} picture{'s' if count > 1 else ''} of {width}x{height} px"
    if picture_px is not None:
        asked += f" from one of {picture_px[0]}x{picture_px[1]} px"
    free = free_bytes(device)
    left = "" if free is None else f", {free / GIB:.1f} GiB were free"
    advice = ", ".join(_help(device, sampling, fewer))
    return f"out of memory on {device} for {asked}{left}: try {advice}"


def _help(device: torch.device, sampling: "SamplingOptions", flag: str) -> list[str]:
    """Return the flags that need less memory, the one that costs least first."""
    fewer = [flag] if sampling.samples > 1 else []
    smaller = "a smaller --H and --W"
    if device.type == "cpu":
        return [*fewer, "--precision bf16", smaller]
    return [*fewer, "--precision fp16", "--offload", smaller]


def keep(store: Attention) -> Attention:
    """Return the part of one step's attention that a right view needs, as far as there is room.

    Keys and values where they fit; else the tokens, of half the size, out of which they are made
    again; and those in the CPU's pinned memory where a GPU has no room for them either. Copies are
    queued on the current stream, so later work there finds them finished.
    """
    device = next(iter(store.values()))[0].device
    if _has_room(device, [tensor for _, *key_value in store.values() for tensor in key_value]):
        return {name: (key, value) for name, (_, key, value) in store.items()}
    tokens = {name: seen[0] for name, seen in store.items()}
    if device.type == "cuda" and not _has_room(device, tokens.values()):
        tokens = {name: _pinned(values) for name, values in tokens.items()}
    return {name: (values,) for name, values in tokens.items()}


def _has_room(device: torch.device, tensors: Iterable[Tensor]) -> bool:
    free = free_bytes(device)
    needed = sum(values.nbytes for values in tensors)
    return free is not None and free - needed > KEPT_FREE.get(device.type, 0)


def _pinned(values: Tensor) -> Tensor:
    host = torch.empty(values.shape, dtype=values.dtype, pin_memory=True)
    return host.copy_(values, non_blocking=True)


def free_bytes(device: torch.device) -> int | None:
    """Return the free memory of a device; None where the system does not tell.

    On CUDA, memory that the process holds without using it counts as free.
    """
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    if not MEMORY_FILE.exists():
        return None
    for line in MEMORY_FILE.read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return None
