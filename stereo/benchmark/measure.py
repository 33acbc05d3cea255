"""What is measured: seconds, UNet evaluations, their arithmetic, memory, the device's own rate."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from ldm.models.diffusion.ddpm import LatentDiffusion
from stereo.benchmark.flop import count_flop
from stereo.runtime.prepacked import pack

TEXT_TOKENS = 77
MATMUL_SIDE = {"cuda": 8192, "cpu": 1536}
REPEATS = 5
# Writing 5 resets the high-water mark that /proc/self/status shows as VmHWM (man 5 proc).
CLEAR_REFS, RESET_PEAK = Path("/proc/self/clear_refs"), "5"
STATUS = Path("/proc/self/status")


@dataclass(frozen=True)
class Sample:
    """One run of a workflow."""

    seconds: float  # from the call to its result on the host
    busy_seconds: float  # see `Clock`
    evaluations: int  # of the UNet; one view and one guidance branch of one sample count 1
    peak_bytes: int | None  # most memory in use, of the CUDA device or else of the process


def measure(work: Callable[[], None], unet: nn.Module, device: torch.device) -> Sample:
    """Run `work` once and measure it; `unet` is the module whose calls count."""
    rows = 0

    def count(module: nn.Module, args: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal rows
        rows += len(output)

    hook = unet.register_forward_hook(count)
    reset_peak(device)
    try:
        clock = Clock(work, device)
    finally:
        hook.remove()
    return Sample(clock.seconds, clock.busy_seconds, rows, peak_bytes(device))


class Clock:
    """Runs something once and times it, until the device has finished, too.

    `seconds` pass on the wall. `busy_seconds` are what rates and ratios are made of: the same on
    a GPU; on a CPU those that the process's threads computed, all together, which other programs
    on the machine do not prolong.
    """

    def __init__(self, work: Callable[[], object], device: torch.device) -> None:
        synchronise(device)
        start, busy_start = time.perf_counter(), time.process_time()
        work()
        synchronise(device)
        self.seconds = time.perf_counter() - start
        busy = time.process_time() - busy_start
        self.busy_seconds = busy if device.type == "cpu" else self.seconds


def synchronise(device: torch.device) -> None:
    """Wait for the device."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def reset_peak(device: torch.device) -> None:
    """Start a new high-water mark of memory."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    elif CLEAR_REFS.exists():
        CLEAR_REFS.write_text(RESET_PEAK)


def peak_bytes(device: torch.device) -> int | None:
    """Return the high-water mark since `reset_peak`; None where there is none."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    lines = STATUS.read_text().splitlines() if STATUS.exists() else []
    return next((int(li.split()[1]) * 1024 for li in lines if li.startswith("VmHWM:")), None)


@torch.no_grad()
def matmul_rate(device: torch.device, dtype: torch.dtype) -> float:
    """Return the FLOP/s of a large square matrix product, the median of a few.

    It is a linear layer's, prepared as the UNet's are: on a CPU `torch.mm` may be slower.
    """
    side = MATMUL_SIDE.get(device.type, MATMUL_SIDE["cpu"])
    layer = nn.Linear(side, side, bias=False, device=device, dtype=dtype)
    if device.type == "cpu":
        pack(layer)
    x = torch.rand(1, side, side, device=device, dtype=dtype)
    times = [Clock(lambda: layer(x), device).busy_seconds for _ in range(REPEATS + 1)]
    return 2 * side**3 / statistics.median(times[1:])


@dataclass(frozen=True)
class UNetCall:
    """One guided call of the UNet: each latent under two texts."""

    batch: int  # latents
    flop: int  # arithmetic of the call
    seconds: float  # busy ones of the call

    def flop_of(self, evaluations: float) -> float:
        """Return the arithmetic of so many evaluations; what the step cache saves is counted."""
        return evaluations * self.flop / (2 * self.batch)

    @property
    def rate(self) -> float:
        """Return the FLOP/s inside the UNet."""
        return self.flop / self.seconds


@torch.no_grad()
def unet_call(model: LatentDiffusion, batch: int, side: int) -> UNetCall:
    """Count the arithmetic of one guided call on latents (batch, C, side, side), and time it."""
    unet, device = model.model.diffusion_model, model.device
    latents = torch.randn(batch, unet.in_channels, side, side).to(device)
    steps = torch.full((batch,), 500, device=device)
    texts = torch.randn(2 * batch, TEXT_TOKENS, unet.context_dim).to(device)
    both = torch.cat([latents, latents]), torch.cat([steps, steps]), texts
    guided = count_flop(lambda: unet(*both))
    clocks = [Clock(lambda: unet(*both), device) for _ in range(REPEATS)]
    times = [clock.busy_seconds for clock in clocks]
    return UNetCall(batch, guided, statistics.median(times))
