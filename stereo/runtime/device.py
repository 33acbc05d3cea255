"""Devices and precisions: which there are, and which are taken."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

PRECISIONS = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}


def choose_device(name: str | None = None) -> torch.device:
    """Return the named device, or CUDA where there is one, else the CPU."""
    if name is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ValueError(
            f"device: got {name!r}, expected 'cpu', 'cuda', 'cuda:N' or 'mps'"
        ) from error
    if device.type == "cuda":
        count = torch.cuda.device_count()
        if not count:
            raise ValueError(
                f"device: got {name!r}, but this machine has no CUDA device; use 'cpu'"
            )
        if (device.index or 0) >= count:
            raise ValueError(f"device: got {name!r}, but there are only {count} CUDA devices")
    elif device.type == "mps":
        if not torch.backends.mps.is_available():
            raise ValueError(f"device: got {name!r}, which this machine has not; use 'cpu'")
    elif device.type != "cpu":
        raise ValueError(f"device: got {name!r}, expected 'cpu', 'cuda', 'cuda:N' or 'mps'")
    return device


def choose_precision(name: str | None, device: torch.device) -> torch.dtype:
    """Return the dtype of a precision's name; None means fp16 on CUDA and fp32 elsewhere."""
    if name is None:
        return torch.float16 if device.type == "cuda" else torch.float32
    if name not in PRECISIONS:
        raise ValueError(f"precision: got {name!r}, expected one of {', '.join(PRECISIONS)}")
    if name not in precisions_of(device):
        has = ", ".join(precisions_of(device))
        raise ValueError(f"precision: got {name!r}, but {device} has no {name}, only {has}")
    return PRECISIONS[name]


def precisions_of(device: torch.device) -> list[str]:
    """Name the precisions that a device computes in, not merely stores.

    A CPU without the units for one would run it, but many times slower than fp32.
    """
    if device.type == "cuda":
        half = {"fp16": True, "bf16": torch.cuda.is_bf16_supported()}
    elif device.type == "cpu":
        kernels = torch.ops.mkldnn
        half = {
            "fp16": kernels._is_mkldnn_fp16_supported(),
            "bf16": kernels._is_mkldnn_bf16_supported(),
        }
    else:
        half = {"fp16": True}
    return ["fp32", *(name for name, supported in half.items() if supported)]


@contextmanager
def in_float32(module: nn.Module) -> Iterator[None]:
    """Run a module in float32 inside this context and bring its precision back afterwards."""
    dtype = next(module.parameters()).dtype
    module.float()
    try:
        yield
    finally:
        module.to(dtype)
